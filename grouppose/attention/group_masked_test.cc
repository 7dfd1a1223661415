#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool SameInstanceOrType(Token a, Token b) { return a.instance == b.instance || a.type == b.type; }

TEST(GroupMaskedAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("GROUP_MASKED");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "masked_attn", "masked_norm", x, SameInstanceOrType);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(GroupMaskedAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("GROUP_MASKED"));
}

TEST(GroupMaskedAttention, GradientsArrive) {
  testing::ExpectGradientsArrive(*testing::MakeFilledScheme("GROUP_MASKED"));
}

TEST(GroupMaskedAttention, GradientsReachOneHopOnly) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("GROUP_MASKED"), SameInstanceOrType);
}

TEST(GroupMaskedAttention, CountsPairs) {
  testing::ExpectPairs(*testing::MakeFilledScheme("GROUP_MASKED"), {SameInstanceOrType});
}

}  // namespace
}  // namespace grouppose
