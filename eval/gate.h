// An accuracy gate: whether a measurement is as good as recorded runs were, spread of seeds allowed for.
//
//   ASSIGN_OR_RETURN(const eval::Gate gate, eval::CheckGate(baseline, "baseline.textproto", measured));
//   gate.passed();   // no metric is missing, not a number, or worse than the tolerance allows
//
// The tolerance of a metric is the stated one or three times the spread of the recorded runs, whichever is larger.
#ifndef EVAL_GATE_H_
#define EVAL_GATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eval/gate.pb.h"

namespace eval {

// From fewer runs a spread cannot be told.
inline constexpr int kFewestRecordedRuns = 5;
// Where runs are normal, a good one is further below the mean than that once in 39 times if there are five runs, once
// in 106 if there are ten (Student's t with n - 1 degrees of freedom at 3 / sqrt(1 + 1 / n)).
inline constexpr double kSpreadsAllowed = 3;

struct Measurement {
  std::string source;  // the file
  std::string experiment;
  std::optional<uint64_t> seed;
  std::vector<std::pair<std::string, double>> values;

  std::optional<double> Find(const std::string& name) const;
};

// The last evaluation of a run's metrics.textproto, or what `pose_eval score --json` wrote (a name that ends in .json).
absl::StatusOr<Measurement> ReadMeasurement(const std::string& path);

enum class GateVerdict { kPasses, kImproved, kWorse, kMissing, kNotANumber };

struct GatedMetric {
  std::string name;
  double mean = 0, spread = 0, tolerance = 0;  // tolerance: the larger of the two
  double measured = 0;                         // NaN where it is missing
  GateVerdict verdict = GateVerdict::kPasses;
};

struct Gate {
  std::vector<GatedMetric> metrics;  // in the order of the baseline
  bool passed() const;
  bool improved() const;  // passed, and some metric is better than the tolerance explains
};

// InvalidArgument where the baseline contradicts itself: no metrics, a name twice, fewer than five runs, another number
// of runs than another metric has, a mean or spread that is not that of its runs, a negative tolerance.
absl::Status ValidateBaseline(const AccuracyBaseline& baseline, const std::string& name);

absl::StatusOr<Gate> CheckGate(const AccuracyBaseline& baseline, const std::string& name,
                               const Measurement& measurement);

// A baseline of recorded runs. Metrics and tolerances are those of `previous`; where it has none, every metric that all
// runs have, with `tolerance`. InvalidArgument with fewer than five runs, or a metric that a run lacks or has not as a
// number.
absl::StatusOr<AccuracyBaseline> MakeBaseline(const std::vector<Measurement>& runs, const AccuracyBaseline& previous,
                                              double tolerance, const std::string& commit);

// One line a metric, then what follows from it. `update_command` is told where the result has improved.
std::string FormatGate(const Gate& gate, const AccuracyBaseline& baseline, const std::string& update_command);

}  // namespace eval

#endif  // EVAL_GATE_H_
