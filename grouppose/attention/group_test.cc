#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool All(Token, Token) { return true; }
bool SameInstance(Token a, Token b) { return a.instance == b.instance; }
bool SameType(Token a, Token b) { return a.type == b.type; }

TEST(GroupAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("GROUP");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor within = testing::OracleSubLayer(*scheme, "within_attn", "within_norm", x, SameInstance);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "across_attn", "across_norm", within, SameType);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(GroupAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("GROUP"));
}

TEST(GroupAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("GROUP")); }

TEST(GroupAttention, GradientsReachEverythingInTwoHops) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("GROUP"), All);
}

// A pair of different type and instance is reached by two hops and by no single one: with either sub-layer's attention
// silenced, no gradient arrives.
TEST(GroupAttention, OtherTypesOfOtherInstancesAreTwoHopsAway) {
  const auto only_within = testing::MakeFilledScheme("GROUP");
  testing::SetToZero(*only_within, "across_attn.out_proj.weight");
  testing::ExpectGradientReaches(*only_within, SameInstance);
  const auto only_across = testing::MakeFilledScheme("GROUP");
  testing::SetToZero(*only_across, "within_attn.out_proj.weight");
  testing::ExpectGradientReaches(*only_across, SameType);
}

TEST(GroupAttention, CountsPairs) {
  testing::ExpectPairs(*testing::MakeFilledScheme("GROUP"), {SameInstance, SameType});
}

}  // namespace
}  // namespace grouppose
