// Files of torch.save, in both formats: the zip archive (torch 1.6 and later) and the legacy one, pickles with the
// storages behind them. Nothing in a file is executed (see pickle.h), and nothing is trusted.
//
//   ASSIGN_OR_RETURN(PthFile file, PthFile::Open(mapped));
//   const Value* weight = file.root().Find("model")->Find("class_embed.0.weight");
//   at::Tensor tensor = file.Tensor(*weight);
//
// Tensors that share a storage in the file share it here, with their strides. A storage is the mapped file itself where
// it is aligned for its elements, as in zip archives, else a copy that is made when the first tensor on it is asked
// for. What was saved from a GPU lies in memory here.
#ifndef GROUPPOSE_CHECKPOINT_PTH_H_
#define GROUPPOSE_CHECKPOINT_PTH_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/checkpoint/mapped_file.h"
#include "grouppose/checkpoint/pickle.h"
#include "grouppose/checkpoint/value.h"

namespace grouppose::checkpoint {

class PthFile {
 public:
  // InvalidArgument with the path, the place, what was found and what was expected.
  static absl::StatusOr<PthFile> Open(std::shared_ptr<const MappedFile> file);

  // Whether a file with these bytes is one of torch.save, going by its first ones.
  static bool LooksLikeOne(std::string_view bytes);

  const Value& root() const { return *pickle_.root; }

  // Of a value of kind kTensor.
  const TensorRecord& Record(const Value& value) const { return pickle_.tensors[value.AsInt()]; }
  at::Tensor Tensor(const Value& value);

 private:
  struct Place {
    uint64_t offset = 0;     // in the file
    uint64_t alignment = 1;  // size of the largest element on it
  };

  explicit PthFile(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {}
  absl::Status OpenZip();
  absl::Status OpenLegacy();
  // Bytes of bools, and what alignment the tensors on each storage need.
  absl::Status FinishStorages();

  std::shared_ptr<const MappedFile> file_;
  Pickle pickle_;
  std::vector<Place> places_;                          // of each storage
  std::vector<std::optional<c10::Storage>> storages_;  // where one was asked for
};

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_PTH_H_
