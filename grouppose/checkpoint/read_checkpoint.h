// A model's weights from whatever file they are in: the one function that everything which loads weights goes through.
//
//   ASSIGN_OR_RETURN(Checkpoint checkpoint, ReadCheckpoint("checkpoint_best_regular.pth"));
//   RETURN_IF_ERROR(LoadIntoModule(checkpoint.tensors, model, {.source = checkpoint.Source()}));
//
// The format is known by the file's first bytes, not by its name: safetensors, or torch.save's in both formats.
//
// Which tensors are taken. Of a .pth file the state dict under "model", where the official programs put it (also that
// of Swin's ImageNet files), else that under "state_dict", else the file itself where it is a state dict (torchvision's
// files). `weights` names another one: "ema_model", which the official program writes and never evaluates except under
// "model" in checkpoint_best_ema.pth. Of a safetensors file all tensors but those of the optimiser and the moving
// average that our states to resume from carry. "module.", which DistributedDataParallel puts in front of names, is
// dropped.
#ifndef GROUPPOSE_CHECKPOINT_READ_CHECKPOINT_H_
#define GROUPPOSE_CHECKPOINT_READ_CHECKPOINT_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/checkpoint/mapped_file.h"

namespace grouppose::checkpoint {

// In front of tensors in a state to resume from that are no weights.
inline constexpr char kOptimizerPrefix[] = "optimizer.", kAveragePrefix[] = "average.";
// In a safetensors file's metadata: the arguments of the program that trained it, as a JSON object.
inline constexpr char kArgumentsKey[] = "args";

enum class FileFormat { kSafetensors, kZip, kLegacy };

// "safetensors", "torch.save (zip)" or "torch.save (legacy)".
std::string FormatName(FileFormat format);

// By the first bytes; InvalidArgument where they are of none.
absl::StatusOr<FileFormat> FormatOf(const MappedFile& file);

struct Checkpoint {
  std::string path;
  FileFormat format = FileFormat::kSafetensors;
  std::string taken;  // the key that the weights were under; "" where the file is a state dict itself
  std::map<std::string, at::Tensor> tensors;
  std::vector<std::string> left_out;             // keys or prefixes of what else the file has
  std::map<std::string, std::string> metadata;   // of a safetensors file
  std::map<std::string, std::string> arguments;  // of the program that trained it, each as JSON: "num_queries" -> "100"

  // The file, and which state dict of it: stands in front of messages.
  std::string Source() const;
};

struct ReadOptions {
  std::string weights;  // "" by the rule above, or a key of a .pth file
};

// InvalidArgument for a file that is none of these, is broken or hostile, or has no such state dict; NotFound where
// there is no file.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path, const ReadOptions& options = {});
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::shared_ptr<const MappedFile>& file,
                                          const ReadOptions& options = {});

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_READ_CHECKPOINT_H_
