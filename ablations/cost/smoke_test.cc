// Looks at what the rule left.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "experiments/cost.pb.h"
#include "experiments/textproto.h"

namespace grouppose {
namespace {

TEST(AttentionCost, LeavesEverySchemeAtTheSizesOfTheExperiment) {
  experiments::Cost cost;
  const absl::Status read = experiments::ReadTextproto("ablations/cost/smoke/cost.textproto", &cost);
  ASSERT_TRUE(read.ok()) << read;
  std::vector<std::string> names;
  for (const auto& scheme : cost.schemes()) names.push_back(scheme.name());
  EXPECT_EQ(names, (std::vector<std::string>{"ACROSS", "FULL", "FULL_2X", "GROUP", "GROUP_MASKED", "GROUP_PARALLEL",
                                             "GROUP_REVERSED", "NONE", "WITHIN"}));
  EXPECT_EQ(cost.setting().hidden_dim(), 64);
  EXPECT_EQ(cost.setting().num_queries(), 16);
  EXPECT_EQ(cost.setting().image_height(), 64);
  EXPECT_EQ(cost.setting().memory_tokens(), 16 * 16 + 8 * 8 + 4 * 4 + 2 * 2);
}

TEST(AttentionCost, LeavesATable) {
  const auto table = base::ReadFile("ablations/cost/smoke/cost.txt");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_NE(table->find("\nwhole decoder, 3 rounds\n"), std::string::npos) << *table;
}

}  // namespace
}  // namespace grouppose
