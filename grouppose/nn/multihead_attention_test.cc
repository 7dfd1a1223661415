#include "grouppose/nn/multihead_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "grouppose/testing/fixtures.h"

namespace grouppose::nn {
namespace {

using testing::Near;
using testing::RecipeTensor;

// y = W x + b of one part (0 queries, 1 keys, 2 values) in double precision.
at::Tensor ProjectPart(const at::Tensor& x, const std::map<std::string, at::Tensor>& parameters, int64_t part) {
  const int64_t hidden = x.size(-1);
  return x.matmul(parameters.at("in_proj_weight").narrow(0, part * hidden, hidden).t()) +
         parameters.at("in_proj_bias").narrow(0, part * hidden, hidden);
}

// Attention of one query set [Q, hidden] over [S, hidden], a loop over heads.
at::Tensor Oracle(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const Module& module,
                  int64_t heads) {
  std::map<std::string, at::Tensor> parameters;
  for (const NamedTensor& named : module.NamedTensors()) parameters[named.name] = named.tensor.detach().to(at::kDouble);
  const int64_t hidden = query.size(-1), channels = hidden / heads;
  const at::Tensor q = ProjectPart(query.to(at::kDouble), parameters, 0);
  const at::Tensor k = ProjectPart(key.to(at::kDouble), parameters, 1);
  const at::Tensor v = ProjectPart(value.to(at::kDouble), parameters, 2);
  at::Tensor joined = at::empty_like(q).fill_(999);
  for (int64_t head = 0; head < heads; ++head) {
    const at::Tensor scores =
        q.narrow(1, head * channels, channels).matmul(k.narrow(1, head * channels, channels).t()) /
        std::sqrt(static_cast<double>(channels));
    const at::Tensor weights = scores.softmax(-1);
    joined.narrow(1, head * channels, channels).copy_(weights.matmul(v.narrow(1, head * channels, channels)));
  }
  return (joined.matmul(parameters.at("out_proj.weight").t()) + parameters.at("out_proj.bias")).to(at::kFloat);
}

class MultiheadAttentionSweep : public ::testing::TestWithParam<std::vector<int64_t>> {};

TEST_P(MultiheadAttentionSweep, EqualsTheOracle) {
  const int64_t hidden = GetParam()[0], heads = GetParam()[1], queries = GetParam()[2], keys = GetParam()[3];
  MultiheadAttention attention({hidden, heads, 0});
  testing::FillByRecipe(attention, 5);
  const at::Tensor query = RecipeTensor("query", {2, queries, hidden}, 1);
  const at::Tensor key = RecipeTensor("key", {2, keys, hidden}, 1), value = RecipeTensor("value", {2, keys, hidden}, 1);
  const at::Tensor output = attention.Forward(query, key, value);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(Near(output[i], Oracle(query[i], key[i], value[i], attention, heads), 2e-5));
  }
}

TEST_P(MultiheadAttentionSweep, AlongEachDimensionEqualsTheOracle) {
  const int64_t hidden = GetParam()[0], heads = GetParam()[1], first = GetParam()[2], second = GetParam()[3];
  MultiheadAttention attention({hidden, heads, 0});
  testing::FillByRecipe(attention, 5);
  const at::Tensor tokens = RecipeTensor("tokens", {2, first, second, hidden}, 1);
  const at::Tensor along_second = attention.SelfAttention(tokens, 2), along_first = attention.SelfAttention(tokens, 1);
  ASSERT_EQ(along_first.sizes(), tokens.sizes());
  for (int64_t image = 0; image < 2; ++image) {
    for (int64_t i = 0; i < first; ++i) {
      const at::Tensor x = tokens[image][i];
      EXPECT_TRUE(Near(along_second[image][i], Oracle(x, x, x, attention, heads), 2e-5));
    }
    for (int64_t i = 0; i < second; ++i) {
      const at::Tensor x = tokens[image].select(1, i);
      EXPECT_TRUE(Near(along_first[image].select(1, i), Oracle(x, x, x, attention, heads), 2e-5));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MultiheadAttentionSweep,
                         ::testing::Values(std::vector<int64_t>{64, 4, 3, 7}, std::vector<int64_t>{64, 4, 1, 1},
                                           std::vector<int64_t>{256, 8, 5, 18}, std::vector<int64_t>{12, 1, 2, 35}));

// Dropout takes another way; with next to none of it the result is the same.
TEST(MultiheadAttention, BothWaysGiveTheSame) {
  MultiheadAttention attention({64, 4, 0}), dropping({64, 4, 1e-12});
  testing::FillByRecipe(attention, 5);
  testing::FillByRecipe(dropping, 5);
  dropping.SetTraining(true);
  const at::Tensor tokens = RecipeTensor("tokens", {2, 3, 5, 64}, 1);
  for (int64_t along : {1, 2}) {
    EXPECT_TRUE(Near(dropping.SelfAttention(tokens, along), attention.SelfAttention(tokens, along), 2e-6));
  }
}

TEST(MultiheadAttention, GradientsAgreeWithDifferences) {
  MultiheadAttention attention({12, 3, 0});
  testing::FillByRecipe(attention, 5);
  const at::Tensor tokens = RecipeTensor("tokens", {1, 4, 3, 12}, 1), probe = RecipeTensor("probe", {1, 4, 3, 12}, 2);
  const at::Tensor direction = RecipeTensor("direction", {1, 4, 3, 12}, 3);
  at::Tensor leaf = tokens.clone();
  leaf.set_requires_grad(true);
  (attention.SelfAttention(leaf, 1) * probe).sum().backward();
  const double slope = (leaf.grad() * direction).sum().item<double>();
  // float32 differences: a step of 1e-2 keeps the rounding near 1e-4 of the slope
  const auto value = [&](double step) {
    return (attention.SelfAttention(tokens + direction * step, 1) * probe).sum().item<double>();
  };
  EXPECT_NEAR(slope, (value(1e-2) - value(-1e-2)) / 2e-2, 2e-3 * std::max(1.0, std::abs(slope)));
}

}  // namespace
}  // namespace grouppose::nn
