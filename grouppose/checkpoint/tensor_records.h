// From the arguments that a pickle gives to torch's functions to checked records of storages and tensors.
#ifndef GROUPPOSE_CHECKPOINT_TENSOR_RECORDS_H_
#define GROUPPOSE_CHECKPOINT_TENSOR_RECORDS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/checkpoint/globals.h"
#include "grouppose/checkpoint/pickle.h"
#include "grouppose/checkpoint/value.h"

namespace grouppose::checkpoint {

// ("storage", class, key, location, elements) or, in the legacy format, one more that is None. InvalidArgument without
// a place for anything else, and for more than `max_bytes`.
absl::StatusOr<StorageRecord> StorageOf(const Value& id, uint64_t max_bytes);

// The arguments of one of torch's functions that make a tensor on a storage. InvalidArgument without a place for
// anything else, and for a view that leaves its storage.
absl::StatusOr<TensorRecord> TensorOf(Global function, const Value::Items& arguments,
                                      const std::vector<StorageRecord>& storages);

// Elements times the size of one: what the tensor takes in memory of its own.
uint64_t DenseBytes(const TensorRecord& tensor);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_TENSOR_RECORDS_H_
