#include "ablations/cost/tensor_memory.h"

#include <c10/core/Allocator.h>

#include <algorithm>

namespace grouppose::cost {

// What the allocator reports to whoever stands in for a profiler of this thread.
class TensorMemory::Listener : public c10::MemoryReportingInfoBase {
 public:
  // `alloc_size` is negative when memory is given back.
  void reportMemoryUsage(void* ptr, int64_t alloc_size, size_t total_allocated, size_t total_reserved,
                         c10::Device device) override {
    live += alloc_size;
    peak = std::max(peak, live);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t live = 0, peak = 0;
};

TensorMemory::TensorMemory()
    : listener_(std::make_shared<Listener>()), guard_(c10::DebugInfoKind::PROFILER_STATE, listener_) {}

int64_t TensorMemory::live_bytes() const { return listener_->live; }

int64_t TensorMemory::peak_bytes() const { return listener_->peak; }

void TensorMemory::RestartPeak() { listener_->peak = listener_->live; }

}  // namespace grouppose::cost
