#include "eval/gate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/statistics.h"
#include "base/status.h"
#include "eval/json_reader.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"

namespace eval {
namespace {

// Means and spreads are written with all digits; what people type may have a few fewer.
constexpr double kSameNumber = 1e-9;

using Values = std::vector<double>;

absl::StatusOr<Measurement> ReadScoreJson(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, base::ReadFile(path));
  JsonReader reader(path, std::move(text));
  std::vector<std::string> names;
  Values stats;
  RETURN_IF_ERROR(reader.Run([&](JsonReader::Value root) {
    return reader.Entries(root, {}, [&](absl::string_view key, JsonReader::Value value) -> absl::Status {
      if (key == "stats") return reader.Doubles(value, {"stats"}, &stats);
      if (key != "names") return absl::OkStatus();
      return reader.Elements(value, {"names"}, [&](int64_t i, JsonReader::Value name) {
        return reader.String(name, {"names", i}, &names.emplace_back());
      });
    });
  }));
  if (names.empty() || names.size() != stats.size()) {
    return absl::InvalidArgumentError(absl::StrCat(path,
                                                   ": expected as many stats as names, as pose_eval score writes "
                                                   "them, found ",
                                                   stats.size(), " and ", names.size()));
  }
  Measurement measurement;
  measurement.source = path;
  for (size_t i = 0; i < names.size(); ++i) measurement.values.emplace_back(names[i], stats[i]);
  return measurement;
}

absl::StatusOr<Measurement> ReadRunMetrics(const std::string& path) {
  grouppose::experiments::Metrics metrics;
  RETURN_IF_ERROR(grouppose::experiments::ReadTextproto(path, &metrics));
  if (metrics.evaluations().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": has no evaluations"));
  }
  Measurement measurement;
  measurement.source = path;
  measurement.experiment = metrics.experiment();
  if (metrics.has_seed()) measurement.seed = metrics.seed();
  const auto& values = metrics.evaluations(metrics.evaluations_size() - 1).values();
  for (const auto& value : values) measurement.values.emplace_back(value.name(), value.value());
  return measurement;
}

Values RunsOf(const AccuracyBaseline::Metric& metric) { return {metric.runs().begin(), metric.runs().end()}; }

absl::Status ValidateMetric(const AccuracyBaseline::Metric& metric, const std::string& where) {
  const Values runs = RunsOf(metric);
  if (static_cast<int>(runs.size()) < kFewestRecordedRuns) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "expected at least ", kFewestRecordedRuns, " runs, found ", runs.size()));
  }
  for (const auto& [name, stated, expected] :
       {std::make_tuple("mean", metric.mean(), base::Mean(runs)),
        std::make_tuple("spread", metric.spread(), base::SampleStandardDeviation(runs))}) {
    // false for NaN as well
    if (std::abs(stated - expected) <= kSameNumber) continue;
    return absl::InvalidArgumentError(
        absl::StrFormat("%s%s is %.17g, expected that of its runs, %.17g", where, name, stated, expected));
  }
  if (!(metric.tolerance() >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(where, "tolerance is ", metric.tolerance(), ", expected 0 or more"));
  }
  return absl::OkStatus();
}

GatedMetric Judge(const AccuracyBaseline::Metric& baseline, std::optional<double> measured) {
  GatedMetric metric;
  metric.name = baseline.name();
  metric.mean = baseline.mean();
  metric.spread = baseline.spread();
  metric.tolerance = std::max(baseline.tolerance(), kSpreadsAllowed * baseline.spread());
  metric.measured = measured.value_or(std::numeric_limits<double>::quiet_NaN());
  const double difference = metric.measured - metric.mean;
  if (!measured.has_value()) {
    metric.verdict = GateVerdict::kMissing;
  } else if (!std::isfinite(*measured)) {
    metric.verdict = GateVerdict::kNotANumber;
  } else if (difference < -metric.tolerance) {
    metric.verdict = GateVerdict::kWorse;
  } else if (difference > metric.tolerance) {
    metric.verdict = GateVerdict::kImproved;
  }
  return metric;
}

const char* VerdictText(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::kPasses:
      return "ok";
    case GateVerdict::kImproved:
      return "IMPROVED";
    case GateVerdict::kWorse:
      return "WORSE";
    case GateVerdict::kMissing:
      return "MISSING";
    case GateVerdict::kNotANumber:
      return "NOT A NUMBER";
  }
  return "";
}

// What a new baseline gates: what the previous one did, else every metric of the first run.
AccuracyBaseline MetricsToRecord(const std::vector<Measurement>& runs, const AccuracyBaseline& previous,
                                 double tolerance) {
  AccuracyBaseline baseline;
  for (const AccuracyBaseline::Metric& metric : previous.metrics()) {
    AccuracyBaseline::Metric* kept = baseline.add_metrics();
    kept->set_name(metric.name());
    kept->set_tolerance(metric.tolerance());
  }
  if (!previous.metrics().empty()) return baseline;
  for (const auto& [name, value] : runs[0].values) {
    // -1 stands for a metric that does not exist on these images
    if (value < 0) continue;
    AccuracyBaseline::Metric* metric = baseline.add_metrics();
    metric->set_name(name);
    metric->set_tolerance(tolerance);
  }
  return baseline;
}

}  // namespace

std::optional<double> Measurement::Find(const std::string& name) const {
  for (const auto& [of_value, value] : values) {
    if (of_value == name) return value;
  }
  return std::nullopt;
}

absl::StatusOr<Measurement> ReadMeasurement(const std::string& path) {
  return absl::EndsWith(path, ".json") ? ReadScoreJson(path) : ReadRunMetrics(path);
}

bool Gate::passed() const {
  return std::all_of(metrics.begin(), metrics.end(), [](const GatedMetric& metric) {
    return metric.verdict == GateVerdict::kPasses || metric.verdict == GateVerdict::kImproved;
  });
}

bool Gate::improved() const {
  return passed() && std::any_of(metrics.begin(), metrics.end(),
                                 [](const GatedMetric& metric) { return metric.verdict == GateVerdict::kImproved; });
}

absl::Status ValidateBaseline(const AccuracyBaseline& baseline, const std::string& name) {
  if (baseline.metrics().empty()) return absl::InvalidArgumentError(absl::StrCat(name, ": gates no metric"));
  std::set<std::string> names;
  for (const AccuracyBaseline::Metric& metric : baseline.metrics()) {
    const std::string where = absl::StrCat(name, ": metric '", metric.name(), "': ");
    if (!names.insert(metric.name()).second) return absl::InvalidArgumentError(absl::StrCat(where, "is there twice"));
    if (metric.runs_size() != baseline.metrics(0).runs_size()) {
      return absl::InvalidArgumentError(absl::StrCat(where, "expected ", baseline.metrics(0).runs_size(),
                                                     " runs as of the first metric, found ", metric.runs_size()));
    }
    RETURN_IF_ERROR(ValidateMetric(metric, where));
  }
  return absl::OkStatus();
}

absl::StatusOr<Gate> CheckGate(const AccuracyBaseline& baseline, const std::string& name,
                               const Measurement& measurement) {
  RETURN_IF_ERROR(ValidateBaseline(baseline, name));
  Gate gate;
  for (const AccuracyBaseline::Metric& metric : baseline.metrics()) {
    gate.metrics.push_back(Judge(metric, measurement.Find(metric.name())));
  }
  return gate;
}

absl::StatusOr<AccuracyBaseline> MakeBaseline(const std::vector<Measurement>& runs, const AccuracyBaseline& previous,
                                              double tolerance, const std::string& commit) {
  if (static_cast<int>(runs.size()) < kFewestRecordedRuns) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected at least ", kFewestRecordedRuns, " recorded runs, found ", runs.size()));
  }
  AccuracyBaseline baseline = MetricsToRecord(runs, previous, tolerance);
  baseline.set_experiment(runs[0].experiment.empty() ? previous.experiment() : runs[0].experiment);
  baseline.set_commit(commit);
  for (const Measurement& run : runs) {
    if (run.experiment != runs[0].experiment) {
      return absl::InvalidArgumentError(absl::StrCat(run.source, ": is of experiment '", run.experiment,
                                                     "', expected '", runs[0].experiment, "' as ", runs[0].source));
    }
    if (run.seed.has_value()) baseline.add_seeds(*run.seed);
  }
  for (AccuracyBaseline::Metric& metric : *baseline.mutable_metrics()) {
    for (const Measurement& run : runs) {
      const std::optional<double> value = run.Find(metric.name());
      if (!value.has_value() || !std::isfinite(*value)) {
        return absl::InvalidArgumentError(absl::StrCat(run.source, ": expected a number for ", metric.name(),
                                                       ", found ",
                                                       value.has_value() ? absl::StrCat(*value) : std::string("none")));
      }
      metric.add_runs(*value);
    }
    metric.set_mean(base::Mean(RunsOf(metric)));
    metric.set_spread(base::SampleStandardDeviation(RunsOf(metric)));
  }
  RETURN_IF_ERROR(ValidateBaseline(baseline, "recorded runs"));
  return baseline;
}

std::string FormatGate(const Gate& gate, const AccuracyBaseline& baseline, const std::string& update_command) {
  std::string text =
      absl::StrFormat("%-10s %9s %9s %9s %10s %9s\n", "", "measured", "baseline", "spread", "tolerance", "difference");
  for (const GatedMetric& metric : gate.metrics) {
    const bool exists = std::isfinite(metric.measured);
    absl::StrAppendFormat(&text, "%-10s %9s %9.4f %9.4f %10.4f %10s  %s\n", metric.name,
                          exists ? absl::StrFormat("%.4f", metric.measured) : "-", metric.mean, metric.spread,
                          metric.tolerance, exists ? absl::StrFormat("%+.4f", metric.measured - metric.mean) : "",
                          VerdictText(metric.verdict));
  }
  absl::StrAppendFormat(&text, "baseline: %d runs of %s at %s\n", baseline.metrics(0).runs_size(),
                        baseline.experiment().empty() ? "(not said)" : baseline.experiment(),
                        baseline.commit().empty() ? "(not said)" : baseline.commit());
  if (!gate.passed()) {
    absl::StrAppend(&text, "the gate fails\n");
  } else if (gate.improved()) {
    absl::StrAppend(&text, "better than the spread of seeds explains; to make it the new baseline, record at least ",
                    kFewestRecordedRuns, " runs and: ", update_command, "\n");
  } else {
    absl::StrAppend(&text, "the gate passes\n");
  }
  return text;
}

}  // namespace eval
