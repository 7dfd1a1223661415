// Every recorded output of the official program.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "absl/strings/str_cat.h"
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

// What is computed again on inputs of other last bits is still wrong.
TEST(OfficialRecordings, AWrongGradientIsWrongOnEveryTry) {
  SKIP_WITHOUT_TEST_DATA();
  at::set_num_threads(1);
  const std::string name = "train_r50_coco_grads", from = base::JoinPath(testing::TestDataFolder(), "fixtures"),
                    folder = ::testing::TempDir() + "/wrong_gradient";
  ASSERT_TRUE(base::MakeDirectories(folder).ok());
  ASSERT_TRUE(base::WriteFileAtomically(folder + "/index.json", "[]").ok());
  const auto tensors = base::ReadFile(base::JoinPath(from, name + ".safetensors"));
  auto meta = base::ReadFile(base::JoinPath(from, name + ".json"));
  ASSERT_TRUE(tensors.ok() && meta.ok());
  ASSERT_TRUE(base::WriteFileAtomically(base::JoinPath(folder, name + ".safetensors"), *tensors).ok());
  // one hundredth more
  const std::regex norm(R"re(("grad_total_norm": )([0-9.e+-]+))re");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(*meta, match, norm));
  const std::string wrong = absl::StrCat(match[1].str(), std::stod(match[2].str()) * 1.01);
  ASSERT_TRUE(base::WriteFileAtomically(base::JoinPath(folder, name + ".json"),
                                        absl::StrCat(match.prefix().str(), wrong, match.suffix().str()))
                  .ok());
  EXPECT_THAT(CheckOne(folder, name).report.Verdict(), ::testing::StartsWith("FAILED: grad_total_norm: "));
}

}  // namespace
}  // namespace grouppose::parity
