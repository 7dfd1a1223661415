// A pickle machine for what checkpoints contain, and nothing else. It makes data; there is nothing in it that could
// call a function, import a module or open a file.
//
//   ASSIGN_OR_RETURN(Pickle pickle, ReadPickle(bytes, limits));
//   const Value* model = pickle.root->Find("model");
//
// Protocols 2 to 5. Known: None, bool, numbers, text, bytes, lists, tuples, sets, dicts, OrderedDict; tensors and
// parameters (torch._utils._rebuild_*) on storages of every type; argparse.Namespace and yacs' CfgNode as their fields;
// torch.Size, torch.device, torch's dtypes and pathlib's paths as tuples and text. Every other global is refused,
// whatever would be done with it.
#ifndef GROUPPOSE_CHECKPOINT_PICKLE_H_
#define GROUPPOSE_CHECKPOINT_PICKLE_H_

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/checkpoint/value.h"

namespace grouppose::checkpoint {

// Elements of one type in the file, by the key that the file knows them by.
struct StorageRecord {
  std::string key;
  std::string location;  // where it was saved from, such as "cuda:0"
  c10::ScalarType type = c10::ScalarType::Float;
  int64_t elements = 0;
  uint64_t bytes = 0;
};

// A view of a storage, checked to stay inside; offset and strides count elements of `type`.
struct TensorRecord {
  int64_t storage = 0;  // index
  c10::ScalarType type = c10::ScalarType::Float;
  int64_t offset = 0;
  std::vector<int64_t> sizes, strides;
  bool requires_grad = false;
};

struct Pickle {
  // Everything that was made; `root` points into it. Values may be shared; there are no cycles, at most 64 levels, and
  // fewer than a million values below `root` however often each is counted.
  std::deque<Value> values;
  const Value* root = nullptr;
  std::vector<StorageRecord> storages;
  std::vector<TensorRecord> tensors;
  uint64_t size = 0;  // bytes of the pickle, its STOP included
};

struct PickleLimits {
  uint64_t max_storage_bytes = 0;  // of one storage
  uint64_t max_tensor_bytes = 0;   // of all tensors, each as if it had memory of its own
};

// Reads one pickle at the start of `bytes`. InvalidArgument says the place, what was found and what was expected.
absl::StatusOr<Pickle> ReadPickle(std::string_view bytes, const PickleLimits& limits);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_PICKLE_H_
