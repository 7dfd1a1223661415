#include "ops/ms_deform_attn/ms_deform_attn_cpu_border.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace ops {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// A head of the largest model at 1333 x 1333 pixels is 5 MB.
constexpr size_t kKeptBytes = size_t{16} << 20;

struct Free {
  void operator()(void* data) const { std::free(data); }
};
using Memory = std::unique_ptr<void, Free>;

// Zeros. Without huge pages the random reads of a head miss the translation buffer: a quarter more time.
Memory Allocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : static_cast<size_t>(kLineBytes);
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  Memory memory(std::aligned_alloc(alignment, rounded));
  if (memory == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(memory.get(), rounded, MADV_HUGEPAGE);
  std::memset(memory.get(), 0, bytes);
  return memory;
}

struct Buffer {
  // what the memory is clear for: (height, width) of the levels, and the bytes of a pixel, all and used
  std::vector<int64_t> layout;
  size_t bytes = 0;
  Memory memory;
};

Buffer& OfThisThread(BufferUse use) {
  thread_local Buffer buffers[2];
  return buffers[static_cast<int>(use)];
}

}  // namespace

BorderedBuffer::BorderedBuffer(BufferUse use, const Border& border, int64_t row, int64_t used) : use_(use) {
  std::vector<int64_t> layout = {row, used};
  for (const BorderedLevel& level : border.levels()) {
    layout.push_back(level.height);
    layout.push_back(level.width);
  }
  Buffer& buffer = OfThisThread(use);
  if (layout == buffer.layout) return;
  const size_t bytes = static_cast<size_t>(border.pixels() * row);
  if (bytes > buffer.bytes) {
    buffer = Buffer();
    buffer.memory = Allocate(bytes);
    buffer.bytes = bytes;
  } else {
    std::memset(buffer.memory.get(), 0, bytes);
  }
  buffer.layout = std::move(layout);
}

BorderedBuffer::~BorderedBuffer() {
  Buffer& buffer = OfThisThread(use_);
  if (buffer.bytes > kKeptBytes) buffer = Buffer();
}

void* BorderedBuffer::data() const { return OfThisThread(use_).memory.get(); }

}  // namespace ops
