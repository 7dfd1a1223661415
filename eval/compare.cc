#include "eval/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/resampled_metrics.h"

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The official CrowdPose array has two places that are always 0.
bool IsPlaceholder(const std::string& name) { return name.compare(0, 4, "zero") == 0; }

bool Exists(double metric) { return metric >= 0; }

double TwoSidedPValue(const std::vector<double>& differences) {
  int not_above = 1, not_below = 1;
  for (const double difference : differences) {
    not_above += difference <= 0;
    not_below += difference >= 0;
  }
  return std::min(1.0, 2.0 * std::min(not_above, not_below) / (static_cast<double>(differences.size()) + 1));
}

MetricComparison CompareMetric(const std::string& name, double a, double b, const std::vector<double>& differences,
                               double confidence) {
  MetricComparison comparison;
  comparison.name = name;
  comparison.a = a;
  comparison.b = b;
  comparison.resamples = static_cast<int>(differences.size());
  comparison.difference = Exists(a) && Exists(b) ? b - a : kNaN;
  comparison.interval = {comparison.difference, kNaN, kNaN};
  comparison.p_value = kNaN;
  if (std::isnan(comparison.difference) || differences.empty()) return comparison;
  comparison.interval = base::PercentileInterval(comparison.difference, differences, confidence);
  comparison.p_value = TwoSidedPValue(differences);
  return comparison;
}

void Judge(Comparison* comparison) {
  std::vector<double> p_values;
  for (const MetricComparison& metric : comparison->metrics) p_values.push_back(metric.p_value);
  const std::vector<double> adjusted = base::HolmAdjusted(p_values);
  for (size_t i = 0; i < adjusted.size(); ++i) {
    MetricComparison& metric = comparison->metrics[i];
    metric.holm_p_value = adjusted[i];
    if (std::isnan(adjusted[i])) continue;
    metric.verdict = adjusted[i] >= 1 - comparison->confidence ? base::Verdict::kInconclusive
                     : metric.difference > 0                   ? base::Verdict::kBetter
                                                               : base::Verdict::kWorse;
  }
}

// Of the two results, the names of whose files are in the options.
EvaluatorOptions OptionsFor(const CompareOptions& options, const std::string& detections_name) {
  EvaluatorOptions evaluator;
  evaluator.dataset = options.dataset;
  evaluator.quirks = options.quirks;
  evaluator.ranking = true;
  evaluator.threads = base::ThreadsOfFlag(options.threads);
  evaluator.annotations_name = options.annotations_name;
  evaluator.detections_name = detections_name;
  return evaluator;
}

absl::Status CheckResampling(const Dataset& dataset, const CompareOptions& options) {
  if (options.resamples < 1) {
    return absl::InvalidArgumentError(absl::StrCat("expected at least one resample, found ", options.resamples));
  }
  if (dataset.images.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(options.annotations_name, ": has no images to draw from"));
  }
  return absl::OkStatus();
}

}  // namespace

int Comparison::num_tests() const {
  return static_cast<int>(
      std::count_if(metrics.begin(), metrics.end(), [](const auto& metric) { return !std::isnan(metric.p_value); }));
}

bool Comparison::too_few_resamples() const { return 2.0 * num_tests() / (num_resamples + 1) >= 1 - confidence; }

absl::StatusOr<Comparison> Compare(const Dataset& dataset, const std::vector<Detection>& a,
                                   const std::vector<Detection>& b, const CompareOptions& options) {
  RETURN_IF_ERROR(CheckResampling(dataset, options));
  ASSIGN_OR_RETURN(const DetectionTable table_a, CheckedTableOf(a, OptionsFor(options, options.a_name)));
  ASSIGN_OR_RETURN(const DetectionTable table_b, CheckedTableOf(b, OptionsFor(options, options.b_name)));
  return CompareTables(dataset, table_a, table_b, options);
}

absl::StatusOr<Comparison> CompareTables(const Dataset& dataset, const DetectionTable& a, const DetectionTable& b,
                                         const CompareOptions& options) {
  RETURN_IF_ERROR(CheckResampling(dataset, options));
  ASSIGN_OR_RETURN(const Metrics metrics_a, EvaluateTable(dataset, a, OptionsFor(options, options.a_name)));
  ASSIGN_OR_RETURN(const Metrics metrics_b, EvaluateTable(dataset, b, OptionsFor(options, options.b_name)));
  const auto bootstrap = [&](const Metrics& metrics) {
    return ResampledMetrics(dataset, options.dataset, metrics, options.quirks)
        .Bootstrap(options.resamples, options.seed, options.threads);
  };
  const std::vector<std::vector<double>> resampled_a = bootstrap(metrics_a), resampled_b = bootstrap(metrics_b);

  Comparison comparison;
  comparison.num_images = static_cast<int>(metrics_a.num_images);
  comparison.num_resamples = options.resamples;
  comparison.seed = options.seed;
  comparison.confidence = options.confidence;
  comparison.a_name = options.a_name;
  comparison.b_name = options.b_name;
  comparison.warnings = metrics_a.warnings;
  for (const std::string& warning : metrics_b.warnings) {
    if (std::count(comparison.warnings.begin(), comparison.warnings.end(), warning) == 0) {
      comparison.warnings.push_back(warning);
    }
  }
  for (size_t i = 0; i < metrics_a.names.size(); ++i) {
    if (IsPlaceholder(metrics_a.names[i])) continue;
    std::vector<double> differences;
    for (int r = 0; r < options.resamples; ++r) {
      const double of_a = resampled_a[r][i], of_b = resampled_b[r][i];
      if (Exists(of_a) && Exists(of_b)) differences.push_back(of_b - of_a);
    }
    comparison.metrics.push_back(
        CompareMetric(metrics_a.names[i], metrics_a.stats[i], metrics_b.stats[i], differences, options.confidence));
  }
  Judge(&comparison);
  return comparison;
}

}  // namespace eval
