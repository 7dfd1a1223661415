#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool All(Token, Token) { return true; }

TEST(FullAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("FULL");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "full_attn", "full_norm", x, All);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(FullAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("FULL"));
}

TEST(FullAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("FULL")); }

TEST(FullAttention, GradientsReachEverything) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("FULL"), All);
}

TEST(FullAttention, CountsPairs) { testing::ExpectPairs(*testing::MakeFilledScheme("FULL"), {All}); }

}  // namespace
}  // namespace grouppose
