#include "eval/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/files.h"

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Measurement Measured(double ap, double ar = 0.5) { return {"run", "tiny", std::nullopt, {{"AP", ap}, {"AR", ar}}}; }

// AP 0.3 with a spread of 0.01, AR always 0.5.
std::vector<Measurement> FiveRuns() {
  const double d = 0.01;
  std::vector<Measurement> runs = {Measured(0.3 - d), Measured(0.3 + d), Measured(0.3), Measured(0.3 - d),
                                   Measured(0.3 + d)};
  for (uint64_t seed = 0; seed < runs.size(); ++seed) runs[seed].seed = seed;
  return runs;
}

AccuracyBaseline Baseline(double tolerance) {
  const auto baseline = MakeBaseline(FiveRuns(), {}, tolerance, "abc123");
  EXPECT_TRUE(baseline.ok()) << baseline.status();
  return *baseline;
}

GateVerdict VerdictOf(double ap, double tolerance = 0) {
  const auto gate = CheckGate(Baseline(tolerance), "baseline", Measured(ap));
  EXPECT_TRUE(gate.ok()) << gate.status();
  return gate->metrics[0].verdict;
}

TEST(Gate, RecordsMeanAndSpread) {
  const AccuracyBaseline baseline = Baseline(0.002);
  EXPECT_EQ(baseline.experiment(), "tiny");
  EXPECT_EQ(baseline.commit(), "abc123");
  EXPECT_EQ(baseline.seeds_size(), 5);
  ASSERT_EQ(baseline.metrics_size(), 2);
  EXPECT_NEAR(baseline.metrics(0).mean(), 0.3, 1e-12);
  EXPECT_NEAR(baseline.metrics(0).spread(), 0.01, 1e-12);
  EXPECT_EQ(baseline.metrics(0).tolerance(), 0.002);
  EXPECT_EQ(baseline.metrics(1).spread(), 0);
}

TEST(Gate, AllowsThreeSpreadsOrWhatIsStated) {
  const double allowed = 3 * Baseline(0).metrics(0).spread();
  EXPECT_EQ(VerdictOf(0.3), GateVerdict::kPasses);
  EXPECT_EQ(VerdictOf(0.3 - allowed + 1e-6), GateVerdict::kPasses);
  EXPECT_EQ(VerdictOf(0.3 - allowed - 1e-6), GateVerdict::kWorse);
  EXPECT_EQ(VerdictOf(0.3 + allowed + 1e-6), GateVerdict::kImproved);
  // a larger stated tolerance counts, a smaller one does not
  EXPECT_EQ(VerdictOf(0.3 - allowed - 1e-6, 0.1), GateVerdict::kPasses);
  EXPECT_EQ(VerdictOf(0.3 - 0.1 - 1e-6, 0.1), GateVerdict::kWorse);
  EXPECT_EQ(VerdictOf(0.3 - allowed + 1e-6, 1e-4), GateVerdict::kPasses);
}

TEST(Gate, FailsForWhatIsMissingOrNoNumber) {
  EXPECT_EQ(VerdictOf(kNaN), GateVerdict::kNotANumber);
  EXPECT_EQ(VerdictOf(std::numeric_limits<double>::infinity()), GateVerdict::kNotANumber);
  // the evaluator's word for "does not exist"
  EXPECT_EQ(VerdictOf(-1), GateVerdict::kWorse);
  Measurement without_ap = Measured(0.3);
  without_ap.values.erase(without_ap.values.begin());
  const auto gate = CheckGate(Baseline(0.1), "baseline", without_ap);
  EXPECT_EQ(gate->metrics[0].verdict, GateVerdict::kMissing);
  EXPECT_FALSE(gate->passed());
  EXPECT_NE(FormatGate(*gate, Baseline(0.1), "").find("MISSING"), std::string::npos);
}

TEST(Gate, TellsOfAnImprovement) {
  const auto gate = CheckGate(Baseline(0), "baseline", Measured(0.6));
  EXPECT_TRUE(gate->passed());
  EXPECT_TRUE(gate->improved());
  EXPECT_NE(FormatGate(*gate, Baseline(0), "THE COMMAND").find("THE COMMAND"), std::string::npos);
  // not where another metric fails
  const auto mixed = CheckGate(Baseline(0), "baseline", Measured(0.6, 0.1));
  EXPECT_FALSE(mixed->passed());
  EXPECT_FALSE(mixed->improved());
}

TEST(Gate, RefusesABaselineThatContradictsItself) {
  const auto refusal = [](void (*change)(AccuracyBaseline*)) {
    AccuracyBaseline baseline = Baseline(0);
    change(&baseline);
    return std::string(ValidateBaseline(baseline, "b").message());
  };
  EXPECT_EQ(refusal([](AccuracyBaseline*) {}), "");
  EXPECT_EQ(refusal([](AccuracyBaseline* b) { b->clear_metrics(); }), "b: gates no metric");
  EXPECT_NE(refusal([](AccuracyBaseline* b) { b->mutable_metrics(1)->set_name("AP"); }).find("twice"),
            std::string::npos);
  EXPECT_NE(refusal([](AccuracyBaseline* b) {
              b->mutable_metrics(0)->mutable_runs()->RemoveLast();
            }).find("at least 5 runs, found 4"),
            std::string::npos);
  EXPECT_NE(refusal([](AccuracyBaseline* b) { b->mutable_metrics(0)->set_mean(0.31); }).find("mean is 0.31"),
            std::string::npos);
  EXPECT_NE(refusal([](AccuracyBaseline* b) { b->mutable_metrics(0)->set_spread(kNaN); }).find("spread is nan"),
            std::string::npos);
  EXPECT_NE(refusal([](AccuracyBaseline* b) { b->mutable_metrics(0)->set_tolerance(-1); }).find("tolerance is -1"),
            std::string::npos);
  EXPECT_NE(refusal([](AccuracyBaseline* b) { b->mutable_metrics(1)->add_runs(0.5); }).find("found 6"),
            std::string::npos);
}

TEST(Gate, ANewBaselineGatesWhatTheOldOneDid) {
  AccuracyBaseline previous = Baseline(0.02);
  previous.mutable_metrics()->RemoveLast();
  const auto baseline = MakeBaseline(FiveRuns(), previous, 0.5, "def456");
  ASSERT_TRUE(baseline.ok());
  ASSERT_EQ(baseline->metrics_size(), 1);
  EXPECT_EQ(baseline->metrics(0).tolerance(), 0.02);
  EXPECT_EQ(baseline->commit(), "def456");
  std::vector<Measurement> runs = FiveRuns();
  runs[2].values[0].second = kNaN;
  EXPECT_FALSE(MakeBaseline(runs, {}, 0, "x").ok());
  runs = FiveRuns();
  runs[3].experiment = "other";
  EXPECT_FALSE(MakeBaseline(runs, {}, 0, "x").ok());
  runs = FiveRuns();
  runs.pop_back();
  EXPECT_FALSE(MakeBaseline(runs, {}, 0, "x").ok());
}

TEST(Gate, ReadsMetricsOfRunsAndOfScores) {
  const auto write = [](const std::string& name, const std::string& text) {
    const std::string path = base::JoinPath(testing::TempDir(), name);
    EXPECT_TRUE(base::WriteFileAtomically(path, text).ok());
    return path;
  };
  const auto run = ReadMeasurement(write("metrics.textproto",
                                         "experiment: 'tiny' seed: 3\n"
                                         "evaluations { values { name: 'AP' value: 0.1 } }\n"
                                         "evaluations { values { name: 'AP' value: 0.2 } }\n"));
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->Find("AP"), 0.2);
  EXPECT_EQ(run->seed, 3u);
  const auto score = ReadMeasurement(write("score.json", R"({"names":["AP","AR"],"stats":[0.25,NaN],"more":[1]})"));
  ASSERT_TRUE(score.ok()) << score.status();
  EXPECT_EQ(score->Find("AP"), 0.25);
  EXPECT_TRUE(std::isnan(*score->Find("AR")));
  EXPECT_FALSE(ReadMeasurement(write("other.json", R"({"names":["AP"]})")).ok());
  EXPECT_FALSE(ReadMeasurement(write("empty.textproto", "experiment: 'tiny'")).ok());
  EXPECT_FALSE(ReadMeasurement("absent.textproto").ok());
}

}  // namespace
}  // namespace eval
