#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool SameType(Token a, Token b) { return a.type == b.type; }

TEST(AcrossAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("ACROSS");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "across_attn", "across_norm", x, SameType);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(AcrossAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("ACROSS"));
}

TEST(AcrossAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("ACROSS")); }

TEST(AcrossAttention, GradientsReachNoOtherType) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("ACROSS"), SameType);
}

TEST(AcrossAttention, CountsPairs) { testing::ExpectPairs(*testing::MakeFilledScheme("ACROSS"), {SameType}); }

}  // namespace
}  // namespace grouppose
