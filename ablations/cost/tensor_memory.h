// How many bytes of tensors are alive, and were at most: what torch's CPU allocator hands out and takes back, to the
// byte, where resident memory of the process would show pages, caches and what malloc keeps.
//
//   TensorMemory memory;                      // from here on
//   const at::Tensor kept = layer.Forward(x);
//   memory.peak_bytes();                      // at the worst moment of Forward
//   memory.RestartPeak();
//   kept.backward(gradient);
//   memory.peak_bytes();                      // of the backward pass, with what Forward kept
//
// It sees the thread that made it and autograd's backward passes that this thread starts. Tensors that were alive
// before count nothing; free none of them while it watches. Workspaces that libraries (MKL, oneDNN) take from malloc
// are not tensors and not seen.
#ifndef ABLATIONS_COST_TENSOR_MEMORY_H_
#define ABLATIONS_COST_TENSOR_MEMORY_H_

#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>
#include <memory>

namespace grouppose::cost {

class TensorMemory {
 public:
  TensorMemory();
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  int64_t live_bytes() const;
  int64_t peak_bytes() const;
  // The peak from here on; it begins with what is alive now.
  void RestartPeak();

 private:
  class Listener;
  std::shared_ptr<Listener> listener_;
  c10::DebugInfoGuard guard_;
};

}  // namespace grouppose::cost

#endif  // ABLATIONS_COST_TENSOR_MEMORY_H_
