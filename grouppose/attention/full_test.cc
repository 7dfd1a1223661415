#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

TEST(FullAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("FULL");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor expected = testing::OracleSubLayer(*scheme, "full_attn", "full_norm", tokens.to(at::kDouble),
                                                        [](Token, Token) { return true; });
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), expected.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(FullAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("FULL"));
}

TEST(FullAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("FULL")); }

TEST(FullAttention, CountsPairs) { EXPECT_EQ(testing::MakeFilledScheme("FULL")->AttentionPairs(100, 17), 3240000); }

}  // namespace
}  // namespace grouppose
