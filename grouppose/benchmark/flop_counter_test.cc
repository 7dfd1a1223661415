#include "grouppose/benchmark/flop_counter.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "base/check.h"
#include "ops/group_attention/group_attention.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"

namespace grouppose {
namespace {

at::Tensor Ones(at::IntArrayRef shape) { return at::full(shape, 0.5, at::TensorOptions()).set_requires_grad(true); }

// Flops of `forward` and of the backward pass of its sum.
struct Flops {
  int64_t forward, backward;
};
Flops Count(const std::function<at::Tensor()>& forward) {
  const FlopCounter counter;
  const at::Tensor sum = forward().sum();
  const int64_t after_forward = counter.flops();
  sum.backward();
  return {after_forward, counter.flops() - after_forward};
}

TEST(FlopCounterTest, LinearLayers) {
  const at::Tensor input = Ones({2, 5, 7}), weight = Ones({11, 7}), bias = Ones({11});
  constexpr int64_t kOnce = 2 * (2 * 5) * 7 * 11;
  for (const bool with_bias : {true, false}) {
    const Flops flops = Count([&] { return with_bias ? at::linear(input, weight, bias) : at::linear(input, weight); });
    EXPECT_EQ(flops.forward, kOnce);
    EXPECT_EQ(flops.backward, 2 * kOnce);  // of the input and of the weight
  }
}

TEST(FlopCounterTest, BatchedProducts) {
  const at::Tensor a = Ones({3, 5, 7}), b = Ones({3, 7, 11});
  const Flops flops = Count([&] { return at::matmul(a, b); });
  EXPECT_EQ(flops.forward, 2 * 3 * 5 * 7 * 11);
  EXPECT_EQ(flops.backward, 2 * flops.forward);
}

TEST(FlopCounterTest, Convolutions) {
  // stride 2, padding 1, dilation 2, two groups: 4 and 5 places from 9 and 11
  const at::Tensor input = Ones({2, 6, 9, 11}), weight = Ones({8, 3, 3, 3});
  const auto convolve = [&](const at::Tensor& x) {
    return at::convolution(x, weight, /*bias=*/{}, {2, 2}, {1, 1}, {2, 2}, false, {0, 0}, 2);
  };
  constexpr int64_t kOnce = 2 * (2 * 8 * 4 * 5) * (3 * 3 * 3);
  ASSERT_EQ(convolve(input).numel(), 2 * 8 * 4 * 5);
  const Flops flops = Count([&] { return convolve(input); });
  EXPECT_EQ(flops.forward, kOnce);
  EXPECT_EQ(flops.backward, 2 * kOnce);
  // the first layer of a model: nobody asks for the gradient of the image
  EXPECT_EQ(Count([&] { return convolve(input.detach()); }).backward, kOnce);
}

TEST(FlopCounterTest, FusedAttention) {
  const at::Tensor query = Ones({2, 3, 40, 8}), key = Ones({2, 3, 50, 8}), value = Ones({2, 3, 50, 8});
  const Flops flops = Count([&] { return at::scaled_dot_product_attention(query, key, value); });
  EXPECT_EQ(flops.forward, 2 * 2 * (2 * 3) * 40 * 50 * 8);
  EXPECT_EQ(flops.backward, 5 * 2 * (2 * 3) * 40 * 50 * 8);
}

TEST(FlopCounterTest, GroupAttention) {
  // 6 instances of 5 keypoints, 2 heads of 4 channels
  const at::Tensor qkv = Ones({3, 6, 5, 3 * 8});
  for (const auto& [along, length] : {std::pair(1, 6), std::pair(2, 5)}) {
    const int64_t product = 2 * (3 * 6 * 5) * length * 8;
    const Flops flops = Count([&, dimension = along] { return ops::GroupAttention(qkv, 2, dimension); });
    EXPECT_EQ(flops.forward, 2 * product);
    EXPECT_EQ(flops.backward, 5 * product);
  }
}

TEST(FlopCounterTest, DeformableAttention) {
  // two levels, 3 x 4 and 2 x 2; 5 queries, 2 heads of 8 channels, 3 points
  const at::Tensor value = Ones({1, 16, 2, 8}), locations = Ones({1, 5, 2, 2, 3, 2}), weights = Ones({1, 5, 2, 2, 3});
  const at::Tensor shapes = at::tensor({3, 4, 2, 2}, at::kLong).view({2, 2}), starts = at::tensor({0, 12}, at::kLong);
  const Flops flops = Count([&] { return ops::MsDeformAttn(value, shapes, starts, locations, weights); });
  constexpr int64_t kSamples = 5 * 2 * 2 * 3;
  EXPECT_EQ(flops.forward, 2 * 4 * kSamples * 8);
  EXPECT_EQ(flops.backward, 2 * flops.forward);
  const at::Tensor references = Ones({1, 5, 2, 2}), offsets = Ones({1, 5, 2, 2, 3, 2}), logits = Ones({1, 5, 2, 6});
  const Flops fused = Count([&] { return ops::MsDeformAttnFused(value, shapes, starts, references, offsets, logits); });
  EXPECT_EQ(fused.forward, flops.forward);
  EXPECT_EQ(fused.backward, flops.backward);
}

TEST(FlopCounterTest, OneAtATimeAndOnlyWhileItLives) {
  const at::Tensor a = at::ones({2, 2});
  {
    const FlopCounter counter;
    EXPECT_THROW(FlopCounter(), base::CheckError);
    at::matmul(a, a);
    EXPECT_EQ(counter.flops(), 16);
  }
  at::matmul(a, a);
  const FlopCounter counter;
  EXPECT_EQ(counter.flops(), 0);
}

}  // namespace
}  // namespace grouppose
