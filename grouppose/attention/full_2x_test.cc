#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool All(Token, Token) { return true; }

TEST(FullTwiceAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("FULL_2X");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor first = testing::OracleSubLayer(*scheme, "full_attn", "full_norm", x, All);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "full2_attn", "full2_norm", first, All);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(FullTwiceAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("FULL_2X"));
}

TEST(FullTwiceAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("FULL_2X")); }

TEST(FullTwiceAttention, GradientsReachEverything) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("FULL_2X"), All);
}

TEST(FullTwiceAttention, HasAsManyParametersAsTwoSubLayers) {
  // 4 h^2 + 4 h of an attention, 2 h of a norm: what GROUP has
  int64_t parameters = 0;
  for (const nn::NamedTensor& named : testing::MakeFilledScheme("FULL_2X")->Parameters()) {
    parameters += named.tensor.numel();
  }
  constexpr int64_t h = testing::kOracleHidden;
  EXPECT_EQ(parameters, 2 * (4 * h * h + 4 * h + 2 * h));
}

TEST(FullTwiceAttention, CountsPairs) { testing::ExpectPairs(*testing::MakeFilledScheme("FULL_2X"), {All, All}); }

}  // namespace
}  // namespace grouppose
