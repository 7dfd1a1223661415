// Everything that a checkpoint file holds, for people: every tensor, every other value, metadata.
#ifndef GROUPPOSE_CHECKPOINT_CONTENTS_H_
#define GROUPPOSE_CHECKPOINT_CONTENTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/checkpoint/mapped_file.h"

namespace grouppose::checkpoint {

struct Contents {
  struct Tensor {
    std::string name;   // keys from the top, joined by "/": "model/class_embed.0.weight"
    std::string group;  // its first key; "" where the file is a state dict itself
    std::string dtype;  // "float32"
    std::vector<int64_t> sizes;
    int64_t elements = 0;
    uint64_t bytes = 0;
  };
  std::string format;  // as Checkpoint's
  uint64_t file_bytes = 0;
  std::vector<Tensor> tensors;                              // in file order, of safetensors by name
  std::vector<std::pair<std::string, std::string>> values;  // what is no tensor, as JSON; fields of args one by one
};

// InvalidArgument and NotFound as ReadCheckpoint, but a file without a state dict has contents too.
absl::StatusOr<Contents> ListContents(const std::string& path);
absl::StatusOr<Contents> ListContents(const std::shared_ptr<const MappedFile>& file);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_CONTENTS_H_
