#include "ops/group_attention/group_attention.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"

namespace ops {
namespace {

using at::Tensor;

Tensor Normal(at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
  base::RandomStream random("group_attention_test", {});
  Tensor tensor = at::empty(sizes, at::kDouble);
  double* data = tensor.mutable_data_ptr<double>();
  for (int64_t i = 0; i < tensor.numel(); ++i) data[i] = random.NextNormal();
  return tensor.to(type);
}

// The definition, out of torch's own operators.
Tensor Composition(const Tensor& qkv, int64_t heads, int64_t along) {
  // [batch, others, length, 3, heads, channels]
  const Tensor sequences = (along == 1 ? qkv.transpose(1, 2) : qkv).unflatten(-1, {3, heads, -1});
  const auto part = [&](int64_t which) { return sequences.select(3, which).transpose(2, 3); };
  const double scale = 1 / std::sqrt(static_cast<double>(sequences.size(-1)));
  const Tensor weights = at::softmax(at::matmul(part(0), part(1).transpose(-1, -2)) * scale, -1);
  const Tensor attended = at::matmul(weights, part(2)).transpose(2, 3).flatten(-2);
  return along == 1 ? attended.transpose(1, 2) : attended;
}

double LargestDifference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).to(at::kDouble).item<double>();
}

struct Evaluated {
  Tensor output, gradient;
};
Evaluated Evaluate(Tensor (*attend)(const Tensor&, int64_t, int64_t), const Tensor& qkv, int64_t heads, int64_t along) {
  const Tensor leaf = qkv.detach().requires_grad_();
  const Tensor output = attend(leaf, heads, along);
  output.backward(Normal(output.sizes(), output.scalar_type()));
  return {output.detach(), leaf.grad()};
}

TEST(GroupAttentionTest, EqualsTheComposition) {
  for (int64_t along : {1, 2}) {
    const Tensor qkv = Normal({2, 9, 7, 3 * 24}, at::kDouble);
    const Evaluated wanted = Evaluate(Composition, qkv, 3, along);
    for (const auto& [type, tolerance] : std::vector<std::pair<at::ScalarType, double>>{
             {at::kDouble, 1e-14}, {at::kFloat, 2e-6}, {at::kHalf, 3e-3}, {at::kBFloat16, 2e-2}}) {
      const Evaluated found = Evaluate(GroupAttention, qkv.to(type), 3, along);
      ASSERT_EQ(found.output.sizes(), (at::IntArrayRef{2, 9, 7, 24}));
      EXPECT_EQ(found.output.scalar_type(), type);
      EXPECT_TRUE(found.output.is_contiguous());
      EXPECT_LE(LargestDifference(found.output.to(at::kDouble), wanted.output), tolerance) << type;
      EXPECT_LE(LargestDifference(found.gradient.to(at::kDouble), wanted.gradient), tolerance) << type;
    }
  }
}

TEST(GroupAttentionTest, TakesViewsAsTheyLie) {
  const Tensor dense = Normal({2, 5, 6, 3 * 16});
  for (int64_t along : {1, 2}) {
    const Evaluated wanted = Evaluate(GroupAttention, dense, 2, along);
    // images innermost, a part of a wider tensor, and channels that are not next to each other
    for (const Tensor& view : {dense.permute({1, 2, 0, 3}).contiguous().permute({2, 0, 1, 3}),
                               Normal({2, 7, 6, 3 * 16 + 5}).narrow(1, 1, 5).narrow(3, 2, 48).copy_(dense),
                               dense.transpose(1, 3).contiguous().transpose(1, 3)}) {
      ASSERT_FALSE(view.is_contiguous());
      const Evaluated found = Evaluate(GroupAttention, view, 2, along);
      EXPECT_TRUE(found.output.equal(wanted.output));
      EXPECT_TRUE(found.gradient.equal(wanted.gradient));
    }
  }
}

TEST(GroupAttentionTest, FiniteDifferences) {
  const Tensor qkv = Normal({1, 4, 3, 3 * 6}, at::kDouble);
  for (int64_t along : {1, 2}) {
    const Tensor gradient = Evaluate(GroupAttention, qkv, 2, along).gradient;
    const at::NoGradGuard no_grad;
    const Tensor by = Normal({1, 4, 3, 6}, at::kDouble);
    const double step = 1e-5;
    for (int64_t i = 0; i < qkv.numel(); ++i) {
      const auto at_distance = [&](double distance) {
        Tensor moved = qkv.clone();
        moved.mutable_data_ptr<double>()[i] += distance;
        return (GroupAttention(moved, 2, along) * by).sum().item<double>();
      };
      const double wanted = (at_distance(step) - at_distance(-step)) / (2 * step);
      EXPECT_NEAR(gradient.const_data_ptr<double>()[i], wanted, 1e-8);
    }
  }
}

TEST(GroupAttentionTest, SameBitsForAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  const Tensor qkv = Normal({2, 40, 18, 3 * 64});
  for (int64_t along : {1, 2}) {
    at::set_num_threads(1);
    const Evaluated wanted = Evaluate(GroupAttention, qkv, 4, along);
    for (int count : {2, 3, 7}) {
      at::set_num_threads(count);
      const Evaluated found = Evaluate(GroupAttention, qkv, 4, along);
      EXPECT_TRUE(found.output.equal(wanted.output));
      EXPECT_TRUE(found.gradient.equal(wanted.gradient));
    }
  }
  at::set_num_threads(threads);
}

// NaN and infinity reach the outputs that they reach through torch's softmax.
TEST(GroupAttentionTest, SpreadsNaNAsTorch) {
  for (const double spoilt : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    for (int64_t index = 0; index < 3 * 16; index += 7) {
      Tensor qkv = Normal({1, 3, 20, 3 * 16});
      qkv[0][1][4].mutable_data_ptr<float>()[index] = static_cast<float>(spoilt);
      for (int64_t along : {1, 2}) {
        const Evaluated found = Evaluate(GroupAttention, qkv, 2, along), wanted = Evaluate(Composition, qkv, 2, along);
        EXPECT_TRUE(found.output.isnan().equal(wanted.output.isnan())) << spoilt << " at " << index;
        EXPECT_TRUE(found.gradient.isnan().equal(wanted.gradient.isnan())) << spoilt << " at " << index;
      }
    }
  }
}

TEST(GroupAttentionTest, EmptyBatchesAndDimensions) {
  for (const std::vector<int64_t>& sizes :
       std::vector<std::vector<int64_t>>{{0, 3, 4, 24}, {2, 0, 4, 24}, {2, 3, 0, 24}}) {
    for (int64_t along : {1, 2}) {
      const Evaluated found = Evaluate(GroupAttention, at::zeros(sizes), 2, along);
      EXPECT_EQ(found.output.sizes(), (at::IntArrayRef{sizes[0], sizes[1], sizes[2], 8}));
      EXPECT_EQ(found.gradient.sizes(), at::IntArrayRef(sizes));
    }
  }
}

// What the operator says of these arguments.
std::string Refusal(const Tensor& qkv, int64_t heads, int64_t along) {
  try {
    GroupAttention(qkv, heads, along);
    return "none";
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
}

TEST(GroupAttentionTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(Refusal(at::zeros({2, 3, 24}), 2, 1),
              ::testing::HasSubstr("qkv is [2, 3, 24], expected [batch, instances"));
  EXPECT_THAT(Refusal(at::zeros({2, 3, 4, 25}), 2, 1), ::testing::HasSubstr("[2, 3, 4, 25] for 2 heads"));
  EXPECT_THAT(Refusal(at::zeros({2, 3, 4, 24}), 0, 1), ::testing::HasSubstr("for 0 heads"));
  EXPECT_THAT(Refusal(at::zeros({2, 3, 4, 24}), 2, 3), ::testing::HasSubstr("along is 3, expected 1"));
  EXPECT_THAT(Refusal(at::zeros({2, 3, 4, 24}, at::kLong), 2, 1), ::testing::HasSubstr("qkv is Long, expected Float"));
}

}  // namespace
}  // namespace ops
