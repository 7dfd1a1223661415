// Counts the floating-point operations that torch is asked for.
//
//   FlopCounter counter;                  // from here on
//   model.Forward(images, mask);
//   counter.flops();
//
// Counted are those of matrix products (linear layers, 1 x 1 and other matmuls), convolutions, scaled-dot-product
// attention, group attention and deformable attention, forward and backward, from the shapes of their operands; a
// multiply-add is two. Attention counts every query with every key, masked or not. Softmax, norms, activations, sums
// and the optimiser are left out, as the literature leaves them out.
#ifndef GROUPPOSE_BENCHMARK_FLOP_COUNTER_H_
#define GROUPPOSE_BENCHMARK_FLOP_COUNTER_H_

#include <cstdint>

namespace grouppose {

// Of one thread, the backward passes on the CPU that it starts included. One lives at a time.
class FlopCounter {
 public:
  FlopCounter();
  ~FlopCounter();
  FlopCounter(const FlopCounter&) = delete;
  FlopCounter& operator=(const FlopCounter&) = delete;

  // Since this counter began.
  int64_t flops() const;

 private:
  uint64_t handle_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_BENCHMARK_FLOP_COUNTER_H_
