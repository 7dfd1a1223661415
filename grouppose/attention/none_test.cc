#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"

namespace grouppose {
namespace {

TEST(NoAttention, ReturnsItsTokens) {
  const at::Tensor tokens = testing::OracleTokens(2, 4, 3);
  EXPECT_TRUE(testing::MakeFilledScheme("NONE")->Forward(tokens).equal(tokens));
}

TEST(NoAttention, HasNoParameters) { EXPECT_TRUE(testing::MakeFilledScheme("NONE")->NamedTensors().empty()); }

TEST(NoAttention, GradientsReachOneselfOnly) {
  testing::ExpectGradientReaches(*testing::MakeFilledScheme("NONE"), [](testing::Token a, testing::Token b) {
    return a.instance == b.instance && a.type == b.type;
  });
}

TEST(NoAttention, CountsPairs) { testing::ExpectPairs(*testing::MakeFilledScheme("NONE"), {}); }

}  // namespace
}  // namespace grouppose
