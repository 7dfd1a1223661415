#include "grouppose/checkpoint/storage.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/TensorImpl.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace grouppose::checkpoint {
namespace {

using Keeper = std::shared_ptr<const MappedFile>;

void ReleaseFile(void* keeper) { delete static_cast<Keeper*>(keeper); }

c10::Storage WithData(c10::DataPtr data, uint64_t size) {
  return c10::Storage(c10::Storage::use_byte_size_t(), size, std::move(data), /*allocator=*/nullptr,
                      /*resizable=*/false);
}

}  // namespace

c10::Storage NewStorage(uint64_t size) { return WithData(c10::GetCPUAllocator()->allocate(size), size); }

c10::Storage StorageAt(const std::shared_ptr<const MappedFile>& file, uint64_t offset, uint64_t size,
                       uint64_t alignment) {
  char* const bytes = file->data() + offset;
  if (size == 0) return NewStorage(0);
  if (reinterpret_cast<uintptr_t>(bytes) % alignment != 0) {
    c10::Storage copy = NewStorage(size);
    std::memcpy(copy.mutable_data(), bytes, size);
    return copy;
  }
  return WithData(c10::DataPtr(bytes, new Keeper(file), &ReleaseFile, c10::Device(c10::kCPU)), size);
}

at::Tensor TensorOn(const c10::Storage& storage, at::ScalarType type, int64_t offset, at::IntArrayRef sizes,
                    at::IntArrayRef strides) {
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), c10::scalarTypeToTypeMeta(type));
  tensor.unsafeGetTensorImpl()->set_storage_offset(offset);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return tensor;
}

std::vector<int64_t> DenseStrides(at::IntArrayRef sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(sizes[i], 1);
  return strides;
}

std::optional<uint64_t> FirstByteThatIsNoBool(std::string_view bytes) {
  const auto found = std::find_if(bytes.begin(), bytes.end(), [](char byte) { return byte != 0 && byte != 1; });
  if (found == bytes.end()) return std::nullopt;
  return found - bytes.begin();
}

}  // namespace grouppose::checkpoint
