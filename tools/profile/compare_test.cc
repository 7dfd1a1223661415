#include "tools/profile/compare.h"

#include <gtest/gtest.h>

#include "tools/profile/fakes.h"
#include "tools/profile/format.h"
#include "tools/profile/gate.h"

namespace profile {
namespace {

constexpr char kLabel[] = "//ops/a:a_benchmark", kOther[] = "//ops/b:b_benchmark";

class CompareTest : public testing::Test {
 protected:
  CompareTest() : base_(FakeRevision('1')), head_(FakeRevision('2')) {
    builder_.programs[base_.commit] = {{kLabel, "a1"}, {kOther, "b"}};
    builder_.programs[head_.commit] = {{kLabel, "a2"}, {kOther, "b"}};
    runner_.benchmarks["a1"] = {{"same", {}}, {"slow", {}}, {"gone", {}}};
    runner_.benchmarks["a2"] = {{"same", {}}, {"slow", {1.1e6, {}}}, {"new", {}}};
    runner_.benchmarks["b"] = {{"untouched", {}}};
  }

  Comparison Run(RoundLog* log = nullptr) {
    auto comparison = Compare(base_, head_, options_, &builder_, &runner_, log);
    EXPECT_TRUE(comparison.ok()) << comparison.status();
    return comparison.ok() ? *std::move(comparison) : Comparison();
  }
  static Verdict VerdictOf(const Comparison& comparison, const std::string& name) {
    for (const BenchmarkComparison& benchmark : comparison.benchmarks) {
      if (benchmark.name == name) return benchmark.verdict;
    }
    ADD_FAILURE() << "no benchmark " << name;
    return Verdict::kFailed;
  }

  Revision base_, head_;
  FakeBuilder builder_;
  FakeRunner runner_;
  ComparisonOptions options_;
};

TEST_F(CompareTest, NamesWhatBecameSlowerAndWhatCannotBeCompared) {
  options_.instructions = InstructionCounter::kProcessor;
  const Comparison comparison = Run();
  EXPECT_EQ(VerdictOf(comparison, "slow"), Verdict::kSlower);
  EXPECT_EQ(VerdictOf(comparison, "same"), Verdict::kNoChange);
  EXPECT_EQ(VerdictOf(comparison, "gone"), Verdict::kOnlyInBase);
  EXPECT_EQ(VerdictOf(comparison, "new"), Verdict::kOnlyInHead);
  EXPECT_EQ(VerdictOf(comparison, "untouched"), Verdict::kIdentical);
  EXPECT_EQ(comparison.identical, std::vector<std::string>{kOther});
  EXPECT_EQ(comparison.Count(Verdict::kSlower), 1);
  EXPECT_EQ(GateFaults(comparison, 0, false).size(), 1);
  EXPECT_NE(GateFaults(comparison, 0, false)[0].find("slow: slower, 1."), std::string::npos);
  EXPECT_TRUE(GateFaults(comparison, 0.2, true).empty());
  const std::string text = FormatComparison(comparison, options_);
  EXPECT_NE(text.find("1 slower, 1 no change, 1 identical, 1 only in base, 1 only in head"), std::string::npos) << text;
  EXPECT_NE(text.find("1 M -> 1.1 M (1.100)"), std::string::npos) << text;
  EXPECT_NE(ComparisonJson(comparison).find("\"verdict\": \"slower\""), std::string::npos);
}

TEST_F(CompareTest, DoesNotRunIdenticalPrograms) {
  builder_.programs[head_.commit] = builder_.programs[base_.commit];
  const Comparison comparison = Run();
  EXPECT_EQ(runner_.runs, 0);
  EXPECT_EQ(comparison.Count(Verdict::kIdentical), 4);
}

TEST_F(CompareTest, AProgramInOneRevisionOnlyIsSaid) {
  builder_.programs[head_.commit].erase(kOther);
  EXPECT_EQ(VerdictOf(Run(), "untouched"), Verdict::kOnlyInBase);
}

TEST_F(CompareTest, FiltersAndSkips) {
  options_.filter = "a_benchmark s";
  options_.skip = "slow";
  const Comparison comparison = Run();
  ASSERT_EQ(comparison.benchmarks.size(), 1);
  EXPECT_EQ(comparison.benchmarks[0].name, "same");
  options_.filter = "nothing like it";
  EXPECT_EQ(
      Compare(base_, head_, options_, &builder_, &runner_, nullptr).status().message(),
      "no benchmark in 2 programs of the head and 2 of the base fits --filter='nothing like it' and --skip='slow'");
  options_.filter = "(";
  EXPECT_TRUE(absl::IsInvalidArgument(Compare(base_, head_, options_, &builder_, &runner_, nullptr).status()));
}

TEST_F(CompareTest, OtherResultsAreAnErrorAndNotMeasured) {
  runner_.benchmarks["a1"]["slow"].counters = {{"output_0", 5}, {"output_scale", 10}};
  runner_.benchmarks["a2"]["slow"].counters = {{"output_0", 5.01}, {"output_scale", 10}};
  const Comparison comparison = Run();
  EXPECT_EQ(VerdictOf(comparison, "slow"), Verdict::kOutputsDiffer);
  EXPECT_EQ(VerdictOf(comparison, "same"), Verdict::kNoChange);
  EXPECT_EQ(GateFaults(comparison, 1, false).size(), 1);
  runner_.benchmarks["a2"]["slow"].counters["output_0"] = 5.0005;
  EXPECT_EQ(VerdictOf(Run(), "slow"), Verdict::kSlower);
}

TEST_F(CompareTest, AProgramThatFailsLeavesTheOthers) {
  runner_.benchmarks["a2"]["slow"].fails = true;
  const Comparison comparison = Run();
  EXPECT_EQ(VerdictOf(comparison, "slow"), Verdict::kFailed);
  EXPECT_EQ(VerdictOf(comparison, "same"), Verdict::kNoChange);
  EXPECT_NE(FormatComparison(comparison, options_).find("in the head: //ops/a:a_benchmark: exit code 139"),
            std::string::npos);
  EXPECT_EQ(GateFaults(comparison, 1, false).size(), 1);
}

TEST_F(CompareTest, ARevisionThatDoesNotBuildIsNamed) {
  builder_.programs.erase(head_.commit);
  const auto comparison = Compare(base_, head_, options_, &builder_, &runner_, nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(comparison.status()));
  EXPECT_EQ(comparison.status().message(), "2222222222 commit 2: does not build; build.log says why");
}

TEST_F(CompareTest, WhatIsNoisyIsInconclusiveWhenTheTimeIsOver) {
  runner_.noise = 0.5;
  options_.time_budget = 0.05;
  const Comparison comparison = Run();
  EXPECT_EQ(VerdictOf(comparison, "same"), Verdict::kInconclusive);
  EXPECT_EQ(GateFaults(comparison, 0, false).size(), 0);
  EXPECT_GE(GateFaults(comparison, 0, true).size(), 1);
}

// Remembers rounds as the history does.
class MemoryLog : public RoundLog {
 public:
  absl::Status Put(const std::string& label, int number, const Round& round) override {
    EXPECT_EQ(number, static_cast<int>(rounds[label].size()));
    EXPECT_EQ(round.size(), 3);
    rounds[label].push_back(round);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<Round>> Earlier(const std::string& label) override { return rounds[label]; }
  std::map<std::string, std::vector<Round>> rounds;
};

TEST_F(CompareTest, GoesOnAfterEarlierRounds) {
  MemoryLog log;
  options_.time_budget = 1e-9;
  EXPECT_EQ(VerdictOf(Run(&log), "slow"), Verdict::kInconclusive);
  options_.time_budget = 300;
  const Comparison whole = Run(&log);
  const int rounds = static_cast<int>(log.rounds[kLabel].size());
  EXPECT_EQ(VerdictOf(whole, "slow"), Verdict::kSlower);
  EXPECT_GE(rounds, options_.min_rounds);
  const int runs = runner_.runs;
  const Comparison again = Run(&log);
  EXPECT_EQ(VerdictOf(again, "slow"), Verdict::kSlower);
  EXPECT_EQ(static_cast<int>(log.rounds[kLabel].size()), rounds);
  // outputs alone: two benchmarks on two sides
  EXPECT_EQ(runner_.runs, runs + 4);
}

TEST(OutputDifference, AllowsRoundingAndNoMore) {
  const std::map<std::string, double> base = {
      {"output_0", 100}, {"output_1", -3}, {"output_scale", 1000}, {"bytes", 5}};
  auto head = base;
  EXPECT_EQ(OutputDifference(base, head), "");
  head["bytes"] = 6;
  head["output_1"] = -3.05;
  EXPECT_EQ(OutputDifference(base, head), "");
  head["output_1"] = -3.5;
  EXPECT_EQ(OutputDifference(base, head),
            "output_1 is -3 in the base and -3.5 in the head, 5.0e-01 apart, allowed 1.0e-01");
  head["output_tolerance"] = 1e-3;
  EXPECT_EQ(OutputDifference(base, head), "");
  head["output_0"] = std::nan("");
  EXPECT_NE(OutputDifference(base, head), "");
  head.erase("output_0");
  EXPECT_EQ(OutputDifference(base, head), "");
}

}  // namespace
}  // namespace profile
