// Every recorded output of the official program.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "grouppose/parity/parity.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::parity {
namespace {

TEST(OfficialRecordings, AllEqualThisBuild) {
  SKIP_WITHOUT_TEST_DATA();
  // tests run side by side: two pools of threads that spin for the same cores take ten times as long as one thread
  at::set_num_threads(1);
  ParityHooks hooks;
  hooks.after = [](const Outcome& outcome) { EXPECT_TRUE(outcome.report.passed()) << Line(outcome); };
  const auto counts = RunParity({base::JoinPath(testing::TestDataFolder(), "fixtures"), ""}, hooks);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_GT(counts->passed, 0);
  EXPECT_EQ(counts->skipped, 0);
}

}  // namespace
}  // namespace grouppose::parity
