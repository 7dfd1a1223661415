#include "tools/benchmark_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "base/files.h"

namespace grouppose {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Smoke(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"--experiment=experiments/smoke.textproto", "--quiet", "--iterations=3",
                                        "--threads=1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

class BenchmarkModeTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, BenchmarkModeTest, ::testing::Values("infer", "train"));

TEST_P(BenchmarkModeTest, WritesWhatItMeasured) {
  const std::string path = base::JoinPath(::testing::TempDir(), std::string(GetParam()) + ".json");
  ASSERT_EQ(
      RunBenchmarkCommand(Smoke({std::string("--mode=") + GetParam(), "--batch=2", "--width=96", "--json=" + path})),
      absl::OkStatus());
  const auto text = base::ReadFile(path);
  ASSERT_TRUE(text.ok()) << text.status();
  simdjson::dom::parser parser;
  const simdjson::dom::element result = parser.parse(*text);
  EXPECT_EQ(std::string_view(result["mode"]), GetParam());
  EXPECT_EQ(int64_t(result["height"]), 64);  // of the experiment's people
  EXPECT_EQ(int64_t(result["width"]), 96);
  EXPECT_EQ(int64_t(result["batch"]), 2);
  EXPECT_EQ(int64_t(result["threads"]), 1);
  EXPECT_GT(double(result["median_s"]), 0);
  EXPECT_GT(int64_t(result["peak_rss_bytes"]), 0);
  int64_t flops = 0;
  for (const simdjson::dom::element stage : result["stages"].get_array()) {
    EXPECT_GE(double(stage["seconds"]), 0);
    flops += int64_t(stage["flops"]);
  }
  EXPECT_GT(flops, 0);
  EXPECT_EQ(int64_t(result["flops"]), flops);
}

TEST(BenchmarkCommandTest, SaysWhatIsWrong) {
  const auto error = [](const std::vector<std::string>& arguments) {
    return std::string(RunBenchmarkCommand(arguments).message());
  };
  EXPECT_THAT(error(Smoke({"--mode=test"})), HasSubstr("--mode=test: expected infer or train"));
  EXPECT_THAT(error(Smoke({"--height=-1"})), HasSubstr("--height=-1: expected 0 to"));
  EXPECT_THAT(error(Smoke({"--iterations=0"})), HasSubstr("--iterations=0: expected 1 to"));
  EXPECT_THAT(error({"--experiment=experiments/none.textproto"}), HasSubstr("none.textproto"));
}

}  // namespace
}  // namespace grouppose
