#include "tools/profile/benchmark_run.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"

namespace profile {
namespace {

constexpr char kReport[] = R"({"context": {"num_cpus": 2}, "benchmarks": [
 {"name": "a/real_time", "run_name": "a/real_time", "run_type": "iteration", "repetitions": 2, "repetition_index": 0,
  "threads": 1, "iterations": 7, "real_time": 3.5, "cpu_time": 1.0, "time_unit": "us", "flops": 12.5, "output_0": 1e0},
 {"name": "b", "run_name": "b", "run_type": "iteration", "iterations": 7, "real_time": 9, "cpu_time": 2, "time_unit": "ms"},
 {"name": "a/real_time", "run_name": "a/real_time", "run_type": "iteration", "iterations": 7, "real_time": 3.25,
  "cpu_time": 1.5, "time_unit": "us", "flops": 99},
 {"name": "a_mean", "run_name": "a/real_time", "run_type": "aggregate", "iterations": 2, "real_time": 1, "cpu_time": 1,
  "time_unit": "us"}]})";

TEST(ParseBenchmarkReport, TakesTheFastestRepetitionAndTheRightTime) {
  const auto samples = ParseBenchmarkReport(kReport, "x");
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 2);
  EXPECT_EQ((*samples)[0].name, "a/real_time");
  EXPECT_EQ((*samples)[0].nanoseconds, 3250);
  EXPECT_EQ((*samples)[0].counters, (std::map<std::string, double>{{"flops", 12.5}, {"output_0", 1}}));
  EXPECT_EQ((*samples)[1].nanoseconds, 2e6);
}

TEST(ParseBenchmarkReport, TakesNumbersThatJsonHasNot) {
  const auto samples = ParseBenchmarkReport(
      R"({"benchmarks": [{"run_name": "a", "cpu_time": 1, "time_unit": "ns", "x": NaN, "y": -Infinity, "z": 0}]})",
      "x");
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_TRUE(std::isnan((*samples)[0].counters.at("x")));
  EXPECT_TRUE(std::isnan((*samples)[0].counters.at("y")));
  EXPECT_EQ((*samples)[0].counters.at("z"), 0);
}

TEST(ParseBenchmarkReport, RefusesWhatIsNoneAndWhatFailed) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseBenchmarkReport("", "x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseBenchmarkReport("[1]", "x").status()));
  const auto failed = ParseBenchmarkReport(
      R"({"benchmarks": [{"run_name": "a", "error_occurred": true, "error_message": "no memory"}]})", "x");
  EXPECT_EQ(failed.status().message(), "x: a: no memory");
  EXPECT_FALSE(ParseBenchmarkReport(R"({"benchmarks": [{"run_name": "a"}]})", "x").ok());
}

TEST(ExactFilter, QuotesWhatPatternsMean) { EXPECT_EQ(ExactFilter({"a.b/1", "c+(d)"}), "^(a\\.b/1|c\\+\\(d\\))$"); }

TEST(UsesThreads, ReadsTheName) {
  EXPECT_TRUE(UsesThreads("op/encoder/threads:2/real_time"));
  EXPECT_TRUE(UsesThreads("op/threads:16"));
  EXPECT_FALSE(UsesThreads("op/threads:1"));
  EXPECT_FALSE(UsesThreads("op/encoder"));
}

// A real program on Google Benchmark (example_benchmark.cc).
Program Example() {
  Program program;
  program.label = "//tools/profile:example_benchmark";
  program.path = "tools/profile/example_benchmark";
  return program;
}

TEST(ProcessRunner, ListsAndRunsAProgram) {
  ProcessRunner runner;
  const auto names = runner.List(Example());
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(*names, (std::vector<std::string>{"sum/1000", "sum/1000000", "fails"}));
  RunOptions options;
  options.min_seconds = 0;
  options.repetitions = 2;
  const auto run = runner.Run(Example(), {"sum/1000000", "unknown"}, options);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->size(), 1);
  EXPECT_EQ((*run)[0].name, "sum/1000000");
  EXPECT_GT((*run)[0].nanoseconds, 0);
  EXPECT_EQ((*run)[0].counters.at("output_0"), 499999500000.0);
  const auto failed = runner.Run(Example(), {"fails"}, options);
  EXPECT_EQ(failed.status().message(), "//tools/profile:example_benchmark: fails: on purpose");
}

TEST(ProcessRunner, CountsInstructionsByValgrindWithoutTheProgramsStart) {
  ProcessRunner runner;
  const auto few = runner.Instructions(Example(), "sum/1000", InstructionCounter::kValgrind);
  if (absl::IsNotFound(few.status())) GTEST_SKIP() << "no valgrind on PATH";
  ASSERT_TRUE(few.ok()) << few.status();
  const auto many = runner.Instructions(Example(), "sum/1000000", InstructionCounter::kValgrind);
  ASSERT_TRUE(many.ok()) << many.status();
  // a few instructions for each element, unrolled or not
  EXPECT_GT(*many - *few, 999'000 / 2);
  EXPECT_LT(*many, 20'000'000);
}

TEST(ProgramStore, KeepsProgramsByContent) {
  const std::string folder = base::JoinPath(testing::TempDir(), "store"),
                    copy = base::JoinPath(testing::TempDir(), "copy");
  ProgramStore store(folder);
  const auto kept = store.Keep("//x", Example().path);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->path, base::JoinPath(folder, kept->digest + "/program"));
  EXPECT_EQ(*base::Sha256OfFile(kept->path), *base::Sha256OfFile(Example().path));
  EXPECT_EQ(store.Keep("//x", Example().path)->digest, kept->digest);
  // one byte more behind the program: another program, which runs as well, with the libraries kept beside it
  ASSERT_TRUE(base::WriteFileAtomically(copy, *base::ReadFile(Example().path) + "x").ok());
  const auto other = store.Keep("//x", copy);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(other->digest, kept->digest);
  ProcessRunner runner;
  EXPECT_EQ(runner.List(*kept)->size(), 3);
  EXPECT_TRUE(absl::IsNotFound(store.Keep("//x", "/no/such/program").status()));
}

}  // namespace
}  // namespace profile
