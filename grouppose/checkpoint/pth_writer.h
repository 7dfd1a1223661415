// Writing tensors as torch.save's zip format, for the official Python programs.
//
//   RETURN_IF_ERROR(WritePth("model.pth", tensors));
//   // Python: torch.load("model.pth", weights_only=True)["model"]["class_embed.0.weight"]
//
// The file holds {"model": OrderedDict of tensors}, which is where the official programs look. Only tensors: anything
// more, such as an argparse.Namespace, would make weights_only=True refuse it.
#ifndef GROUPPOSE_CHECKPOINT_PTH_WRITER_H_
#define GROUPPOSE_CHECKPOINT_PTH_WRITER_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "absl/status/status.h"

namespace grouppose::checkpoint {

// Writes atomically. The same tensors give the same bytes, wherever they are written. Every tensor is written dense;
// tensors that are the same memory are written once. InvalidArgument for a type that has no storage class in torch, for
// names that are not UTF-8 and for files of 4 GiB and more (safetensors has no such limit).
absl::Status WritePth(const std::string& path, const std::map<std::string, at::Tensor>& tensors);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_PTH_WRITER_H_
