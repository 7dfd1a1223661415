#include "tools/profile/verdict.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/check.h"
#include "base/random.h"

namespace profile {
namespace {

// Rounds of a machine that is `noise` (relative deviation) unsteady within a round and drifts by half between rounds;
// at times something else runs.
Times Simulate(double ratio, double noise, int rounds, uint64_t seed) {
  base::RandomStream random("times", {seed});
  Times times;
  const auto sample = [&](double drift) {
    const double interference = random.NextUniform() < 0.05 ? 1 + random.NextUniform() : 1;
    return 1e6 * drift * interference * std::exp(noise * random.NextNormal());
  };
  for (int i = 0; i < rounds; ++i) {
    const double drift = 1.25 + 0.25 * std::sin(0.3 * i + static_cast<double>(seed));
    times.base.push_back(sample(drift));
    times.head.push_back(ratio * sample(drift));
    times.twin.push_back(sample(drift));
  }
  return times;
}

std::vector<Estimate> JudgeAll(const std::vector<Times>& times) {
  VerdictOptions options;
  options.resamples = 500;
  std::vector<Estimate> estimates;
  for (const Times& one : times) estimates.push_back(EstimateRatio(one, options));
  std::vector<Estimate*> pointers;
  for (Estimate& estimate : estimates) pointers.push_back(&estimate);
  Judge(options, pointers);
  return estimates;
}

int Count(const std::vector<Estimate>& estimates, Verdict verdict) {
  int count = 0;
  for (const Estimate& estimate : estimates) count += estimate.verdict == verdict;
  return count;
}

TEST(Judge, NamesTenPerCentAndItsSize) {
  // nine benchmarks that did not change and one that did, thirty times
  int named = 0, false_alarms = 0;
  for (uint64_t run = 0; run < 30; ++run) {
    std::vector<Times> times;
    for (uint64_t i = 0; i < 10; ++i) times.push_back(Simulate(i == 7 ? 1.1 : 1, 0.02, 30, 100 * run + i));
    const std::vector<Estimate> estimates = JudgeAll(times);
    named += estimates[7].verdict == Verdict::kSlower;
    EXPECT_NEAR(estimates[7].ratio.estimate, 1.1, 0.03) << run;
    false_alarms += Count(estimates, Verdict::kSlower) + Count(estimates, Verdict::kFaster) -
                    (estimates[7].verdict == Verdict::kSlower);
  }
  EXPECT_GE(named, 29);
  EXPECT_EQ(false_alarms, 0);
}

TEST(Judge, SaysFasterToo) {
  const std::vector<Estimate> estimates = JudgeAll({Simulate(0.8, 0.02, 20, 1)});
  EXPECT_EQ(estimates[0].verdict, Verdict::kFaster);
  EXPECT_NEAR(estimates[0].ratio.estimate, 0.8, 0.02);
  EXPECT_LT(estimates[0].p_adjusted, 0.01);
}

TEST(Judge, SaysNoChangeOnlyWhereTheIntervalIsNarrow) {
  const std::vector<Estimate> quiet = JudgeAll({Simulate(1, 0.005, 30, 2)});
  EXPECT_EQ(quiet[0].verdict, Verdict::kNoChange);
  EXPECT_LE(quiet[0].ratio.high, 1.02);
  EXPECT_GE(quiet[0].ratio.low, 0.98);
  const std::vector<Estimate> noisy = JudgeAll({Simulate(1, 0.3, 10, 3)});
  EXPECT_EQ(noisy[0].verdict, Verdict::kInconclusive);
}

TEST(Judge, TheNoiseOfTheTwinRaisesTheFloor) {
  // the same program is up to ten per cent slower the second time: an effect of five says nothing
  Times times;
  for (int i = 0; i < 40; ++i) {
    times.base.push_back(100);
    times.twin.push_back(110 + i % 3);
    times.head.push_back(112 + i % 3);
  }
  const std::vector<Estimate> estimates = JudgeAll({times});
  EXPECT_NEAR(estimates[0].floor, 0.11, 0.015);
  EXPECT_EQ(estimates[0].verdict, Verdict::kInconclusive);
  for (double& head : times.head) head *= 1.3;
  EXPECT_EQ(JudgeAll({times})[0].verdict, Verdict::kSlower);
}

TEST(Judge, SmallEffectsHaveNoName) {
  // one per cent, known to a tenth: real, and below what layout alone does
  const std::vector<Estimate> estimates = JudgeAll({Simulate(1.01, 0.002, 60, 4)});
  EXPECT_LT(estimates[0].p_adjusted, 0.01);
  EXPECT_EQ(estimates[0].verdict, Verdict::kNoChange);
}

TEST(Judge, AdjustsForTheNumberOfBenchmarks) {
  std::vector<Times> times;
  for (uint64_t i = 0; i < 10; ++i) times.push_back(Simulate(1, 0.02, 12, 50 + i));
  const std::vector<Estimate> estimates = JudgeAll(times);
  for (const Estimate& estimate : estimates) {
    EXPECT_GE(estimate.p_adjusted, estimate.p_value);
    EXPECT_LE(estimate.p_adjusted, 1);
  }
}

TEST(EstimateRatio, IsAFunctionOfTimesAndSeed) {
  const Times times = Simulate(1.05, 0.03, 15, 5);
  const VerdictOptions options;
  EXPECT_EQ(EstimateRatio(times, options).ratio.low, EstimateRatio(times, options).ratio.low);
  EXPECT_EQ(EstimateRatio(times, options).rounds, 15);
  EXPECT_THROW(EstimateRatio({}, options), base::CheckError);
  EXPECT_THROW(EstimateRatio({{1, 2}, {1}, {1, 2}}, options), base::CheckError);
}

TEST(EstimateRatio, TheMedianBearsALostRound) {
  Times times;
  for (int i = 0; i < 11; ++i) {
    times.base.push_back(100 + i % 2);
    times.head.push_back(i == 4 ? 900 : 105 + i % 2);
    times.twin.push_back(100 + (i + 1) % 2);
  }
  EXPECT_NEAR(EstimateRatio(times, {}).ratio.estimate, 1.05, 0.01);
}

}  // namespace
}  // namespace profile
