#include "tools/profile/bisect.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"

namespace profile {
namespace {

Revision Commit(int number) {
  return {absl::StrCat(number, std::string(39, '0')), absl::StrCat(number - 1, std::string(39, '0')), "2026-01-01",
          absl::StrCat("commit ", number)};
}

std::vector<Revision> Commits(int count) {
  std::vector<Revision> commits;
  for (int i = 1; i <= count; ++i) commits.push_back(Commit(i));
  return commits;
}

int NumberOf(const Revision& revision) { return revision.commit[0] - '0'; }

BenchmarkComparison WithRatio(double ratio, double half_width) {
  BenchmarkComparison benchmark;
  benchmark.label = "//ops:x_benchmark";
  benchmark.name = "x";
  benchmark.estimate = Estimate();
  benchmark.estimate->ratio = {ratio, ratio - half_width, ratio + half_width};
  benchmark.verdict = benchmark.estimate->verdict = ratio > 1.02 ? Verdict::kSlower : Verdict::kNoChange;
  return benchmark;
}

void Quiet(const std::string&) {}

TEST(Bisect, FindsEveryCommitAmongEight) {
  for (int planted = 1; planted <= 8; ++planted) {
    int compared = 0;
    const ComparePair compare = [&](const Revision& base, const Revision& head, int) {
      EXPECT_EQ(NumberOf(base), 0);
      ++compared;
      return WithRatio(NumberOf(head) >= planted ? 1.1 : 1, 0.01);
    };
    const auto result = Bisect(Commit(0), Commits(8), compare, Quiet);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(NumberOf(result->culprit), planted);
    EXPECT_EQ(result->ratio.estimate, 1.1);
    EXPECT_LE(compared, 4);
  }
}

TEST(Bisect, OfSeveralStepsTakesTheOneThatCrossesTheMiddle) {
  // two per cent at 3 and ten more at 6
  const ComparePair compare = [](const Revision&, const Revision& head, int) {
    const int number = NumberOf(head);
    return WithRatio(number >= 6 ? 1.12 : number >= 3 ? 1.02 : 1, 0.01);
  };
  EXPECT_EQ(NumberOf(Bisect(Commit(0), Commits(8), compare, Quiet)->culprit), 6);
}

TEST(Bisect, PassesOverWhatDoesNotBuild) {
  const std::set<int> broken = {4, 5};
  const ComparePair compare = [&](const Revision&, const Revision& head, int) -> absl::StatusOr<BenchmarkComparison> {
    if (broken.count(NumberOf(head)) > 0) return absl::FailedPreconditionError("does not build");
    return WithRatio(NumberOf(head) >= 6 ? 1.1 : 1, 0.01);
  };
  const auto result = Bisect(Commit(0), Commits(8), compare, Quiet);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(NumberOf(result->culprit), 6);
  EXPECT_FALSE(result->not_built.empty());
}

TEST(Bisect, AsksAgainWhereItIsNotClear) {
  std::vector<int> efforts;
  const ComparePair compare = [&](const Revision&, const Revision& head, int effort) {
    if (NumberOf(head) == 4) efforts.push_back(effort);
    // too wide at first
    return WithRatio(NumberOf(head) >= 4 ? 1.1 : 1, NumberOf(head) == 4 ? 0.4 / (effort * effort) : 0.01);
  };
  const auto result = Bisect(Commit(0), Commits(8), compare, Quiet);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(NumberOf(result->culprit), 4);
  EXPECT_EQ(efforts, (std::vector<int>{1, 2, 4}));
}

TEST(Bisect, GivesUpWhereItCannotTell) {
  const ComparePair compare = [&](const Revision&, const Revision& head, int) {
    return WithRatio(NumberOf(head) == 8 ? 1.1 : 1.05, NumberOf(head) == 8 ? 0.01 : 0.5);
  };
  const auto result = Bisect(Commit(0), Commits(8), compare, Quiet);
  EXPECT_FALSE(result.ok());
  EXPECT_NE(result.status().message().find("neither clearly above nor below"), absl::string_view::npos);
}

TEST(Bisect, RefusesWhereNothingBecameSlower) {
  const ComparePair compare = [](const Revision&, const Revision&, int) { return WithRatio(1, 0.01); };
  const auto result = Bisect(Commit(0), Commits(8), compare, Quiet);
  EXPECT_TRUE(absl::IsFailedPrecondition(result.status()));
  EXPECT_NE(result.status().message().find("is not slower"), absl::string_view::npos);
}

TEST(Bisect, IdenticalProgramsAreGood) {
  const ComparePair compare = [](const Revision&, const Revision& head, int) {
    if (NumberOf(head) >= 7) return WithRatio(1.3, 0.01);
    BenchmarkComparison benchmark;
    benchmark.verdict = Verdict::kIdentical;
    return benchmark;
  };
  EXPECT_EQ(NumberOf(Bisect(Commit(0), Commits(8), compare, Quiet)->culprit), 7);
}

}  // namespace
}  // namespace profile
