// Tensors on a file's bytes.
#ifndef GROUPPOSE_CHECKPOINT_STORAGE_H_
#define GROUPPOSE_CHECKPOINT_STORAGE_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "grouppose/checkpoint/mapped_file.h"

namespace grouppose::checkpoint {

// torch's operators iterate over at most 64 dimensions.
inline constexpr size_t kMaxDimensions = 64;

// `size` bytes of the file from `offset` on: the mapped memory itself where it starts at a multiple of `alignment`, the
// size of an element, and then the file stays mapped; else a copy.
c10::Storage StorageAt(const std::shared_ptr<const MappedFile>& file, uint64_t offset, uint64_t size,
                       uint64_t alignment);

// Memory of its own.
c10::Storage NewStorage(uint64_t size);

// A view of a storage; the caller has checked that it stays inside. `offset` and `strides` count elements.
at::Tensor TensorOn(const c10::Storage& storage, at::ScalarType type, int64_t offset, at::IntArrayRef sizes,
                    at::IntArrayRef strides);

// The strides of a dense tensor, last dimension fastest.
std::vector<int64_t> DenseStrides(at::IntArrayRef sizes);

// The index of the first byte that is neither 0 nor 1: as a bool it would be undefined behaviour.
std::optional<uint64_t> FirstByteThatIsNoBool(std::string_view bytes);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_STORAGE_H_
