#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

bool SameInstance(Token a, Token b) { return a.instance == b.instance; }

TEST(WithinAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("WITHIN");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}, {3, 1}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor x = tokens.to(at::kDouble);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "within_attn", "within_norm", x, SameInstance);
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(WithinAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("WITHIN"));
}

TEST(WithinAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("WITHIN")); }

TEST(WithinAttention, GradientsReachNoOtherInstance) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("WITHIN"), SameInstance);
}

TEST(WithinAttention, CountsPairs) { testing::ExpectPairs(*testing::MakeFilledScheme("WITHIN"), {SameInstance}); }

}  // namespace
}  // namespace grouppose
