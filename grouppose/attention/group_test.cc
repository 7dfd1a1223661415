#include <gtest/gtest.h>

#include "grouppose/attention/oracle.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::Token;

TEST(GroupAttention, EqualsTheDefinition) {
  const auto scheme = testing::MakeFilledScheme("GROUP");
  for (const auto& [instances, types] : {std::pair<int64_t, int64_t>{4, 3}, {1, 5}, {7, 2}}) {
    const at::Tensor tokens = testing::OracleTokens(2, instances, types);
    const at::Tensor within =
        testing::OracleSubLayer(*scheme, "within_attn", "within_norm", tokens.to(at::kDouble),
                                [](Token query, Token key) { return query.instance == key.instance; });
    const at::Tensor across = testing::OracleSubLayer(*scheme, "across_attn", "across_norm", within,
                                                      [](Token query, Token key) { return query.type == key.type; });
    EXPECT_TRUE(Near(scheme->Forward(tokens).detach(), across.to(at::kFloat), 5e-6)) << instances << " x " << types;
  }
}

TEST(GroupAttention, PermutingInstancesPermutesOutputs) {
  testing::ExpectInstancesPermute(*testing::MakeFilledScheme("GROUP"));
}

TEST(GroupAttention, GradientsArrive) { testing::ExpectGradientsArrive(*testing::MakeFilledScheme("GROUP")); }

TEST(GroupAttention, CountsPairs) {
  EXPECT_EQ(testing::MakeFilledScheme("GROUP")->AttentionPairs(100, 17), 100 * 18 * 18 + 18 * 100 * 100);
}

}  // namespace
}  // namespace grouppose
