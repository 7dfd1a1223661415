#include "ablations/cost/tensor_memory.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

namespace grouppose::cost {
namespace {

constexpr int64_t kFloats = 1000, kBytes = kFloats * sizeof(float);

at::Tensor Floats() { return at::ones({kFloats}, at::kFloat); }

TEST(TensorMemory, SeesTheWorstMoment) {
  const TensorMemory memory;
  const at::Tensor kept = Floats();
  { const at::Tensor first = Floats(), second = Floats(); }
  EXPECT_EQ(memory.live_bytes(), kBytes);
  EXPECT_EQ(memory.peak_bytes(), 3 * kBytes);
  const at::Tensor view = kept.view({10, 100});
  EXPECT_EQ(memory.live_bytes(), kBytes);
}

TEST(TensorMemory, BeginsAnew) {
  TensorMemory memory;
  const at::Tensor kept = Floats();
  { const at::Tensor gone = at::empty({2 * kFloats}, at::kFloat); }
  memory.RestartPeak();
  EXPECT_EQ(memory.peak_bytes(), kBytes);
}

TEST(TensorMemory, CountsNothingThatWasThereBefore) {
  const at::Tensor before = Floats();
  const TensorMemory memory;
  const at::Tensor squared = before * before;
  EXPECT_EQ(memory.peak_bytes(), kBytes);
}

// x * y keeps nothing but x and y, exp its result; the gradient of x is made while the one of the product is alive.
TEST(TensorMemory, FollowsABackwardPass) {
  at::Tensor x = Floats();
  x.set_requires_grad(true);
  const at::Tensor gradient = Floats();
  TensorMemory memory;
  {
    const at::Tensor y = (x * x).exp();
    EXPECT_EQ(memory.live_bytes(), kBytes);
    EXPECT_EQ(memory.peak_bytes(), 2 * kBytes);
    y.backward(gradient);
  }
  EXPECT_EQ(memory.live_bytes(), kBytes);  // the gradient
  EXPECT_GE(memory.peak_bytes(), 3 * kBytes);
}

TEST(TensorMemory, EndsWithItsScope) {
  { const TensorMemory memory; }
  EXPECT_EQ(c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE), nullptr);
}

}  // namespace
}  // namespace grouppose::cost
