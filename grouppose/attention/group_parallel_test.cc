#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool SameInstance(Token a, Token b) { return a.instance == b.instance; }
bool SameType(Token a, Token b) { return a.type == b.type; }
bool SameInstanceOrType(Token a, Token b) { return a.instance == b.instance || a.type == b.type; }

TEST(GroupParallelAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("GROUP_PARALLEL");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor within = testing::OracleAttention(*scheme, "within_attn", x, SameInstance);
    const at::Tensor across = testing::OracleAttention(*scheme, "across_attn", x, SameType);
    const at::Tensor expected = testing::OracleNorm(*scheme, "parallel_norm", x + within + across);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(GroupParallelAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("GROUP_PARALLEL"));
}

TEST(GroupParallelAttention, GradientsArrive) {
  testing::ExpectGradientsArrive(*testing::MakeFilledScheme("GROUP_PARALLEL"));
}

TEST(GroupParallelAttention, GradientsReachOneHopOnly) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("GROUP_PARALLEL"), SameInstanceOrType);
}

TEST(GroupParallelAttention, CountsPairs) {
  testing::ExpectPairs(*testing::MakeFilledScheme("GROUP_PARALLEL"), {SameInstance, SameType});
}

}  // namespace
}  // namespace grouppose
