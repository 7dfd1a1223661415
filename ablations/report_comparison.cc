#include "ablations/report_comparison.h"

#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/dataset_description.h"
#include "eval/evaluator.h"
#include "eval/resampled_metrics.h"

namespace grouppose {
namespace {

// Names the resampled images. All studies use the same, so that a variant's resamples stay when others join it.
constexpr uint64_t kBootstrapSeed = 0;

// The AP of a cell on every resample of its images. Resample r is the same for all cells with the same images.
using ResampledAps = std::map<const Cell*, std::vector<double>>;

absl::StatusOr<std::vector<double>> ResampleCell(const Cell& cell, int resamples) {
  eval::EvaluatorOptions options;
  options.ranking = true;
  options.annotations_name = base::JoinPath(cell.folder, "ground_truth.json");
  options.detections_name = base::JoinPath(cell.folder, "results.json");
  ASSIGN_OR_RETURN(options.dataset, eval::KeypointDatasetOf(cell.experiment.data()));
  ASSIGN_OR_RETURN(const std::vector<eval::Detection> detections, cell.ReadDetections());
  ASSIGN_OR_RETURN(const eval::Metrics metrics, eval::Evaluate(*cell.ground_truth, detections, options));
  // both were written by one training: the same bits, or they are not of one training
  if (metrics.Stat("AP") != cell.ap()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: AP of these results is %.17g, expected %.17g as metrics.textproto has it",
                        options.detections_name, metrics.Stat("AP"), cell.ap()));
  }
  const eval::ResampledMetrics resampled(*cell.ground_truth, options.dataset, metrics);
  std::vector<double> aps;
  // one thread: a report is a build action, and others run beside it. AP comes first in every summary
  for (const std::vector<double>& stats : resampled.Bootstrap(resamples, kBootstrapSeed, /*threads=*/1)) {
    aps.push_back(stats[0]);
  }
  return aps;
}

std::optional<base::Interval> EvaluationNoise(const ResampledAps& aps, const Cell& cell, const Cell& other) {
  const auto left = aps.find(&cell), right = aps.find(&other);
  if (left == aps.end() || right == aps.end() || cell.ground_truth != other.ground_truth) return std::nullopt;
  std::vector<double> differences;
  for (size_t i = 0; i < left->second.size(); ++i) {
    // a resample without a person has no AP, for neither model
    if (left->second[i] >= 0) differences.push_back(left->second[i] - right->second[i]);
  }
  if (differences.empty()) return std::nullopt;
  return base::PercentileInterval(cell.ap() - other.ap(), differences, kConfidence);
}

Comparison CompareCells(const Row& row, const Row& other, const ResampledAps& aps) {
  Comparison comparison;
  comparison.row = &row;
  comparison.other = &other;
  comparison.paired = Compare(row, other);
  comparison.holm_p_value = std::nan("");
  for (const auto& [cell, partner] : row.PairsWith(other)) {
    comparison.seeds.push_back({cell->seed, cell->ap() - partner->ap(), EvaluationNoise(aps, *cell, *partner)});
  }
  return comparison;
}

void AdjustByHolm(std::vector<Comparison>* comparisons) {
  std::vector<double> p_values;
  for (const Comparison& comparison : *comparisons) {
    // two pairs have a p-value, but no verdict that a correction could be for
    const bool judged = comparison.paired.pairs() >= base::kFewestPairsForVerdict;
    p_values.push_back(judged ? comparison.paired.p_value : std::nan(""));
  }
  const std::vector<double> adjusted = base::HolmAdjusted(p_values);
  for (size_t i = 0; i < adjusted.size(); ++i) (*comparisons)[i].holm_p_value = adjusted[i];
}

}  // namespace

const Comparison* Comparisons::Find(const Row& row) const {
  for (const Comparison& comparison : to_baseline) {
    if (comparison.row == &row) return &comparison;
  }
  return nullptr;
}

const Comparison* Comparisons::FindControl(const Row& row) const {
  for (const Control& control : controls) {
    if (control.row == &row) return &control.with_content;
  }
  return nullptr;
}

base::PairedComparison Compare(const Row& row, const Row& other) {
  std::vector<double> left, right;
  for (const auto& [cell, partner] : row.PairsWith(other)) {
    left.push_back(cell->ap());
    right.push_back(partner->ap());
  }
  return base::ComparePairs(left, right, kConfidence);
}

base::PairedComparison LostWithContent(const Comparison& without, const Comparison& with_content) {
  std::vector<double> left, right;
  for (const SeedDifference& at_seed : without.seeds) {
    for (const SeedDifference& partner : with_content.seeds) {
      if (partner.seed != at_seed.seed) continue;
      left.push_back(at_seed.difference);
      right.push_back(partner.difference);
    }
  }
  return base::ComparePairs(left, right, kConfidence);
}

absl::StatusOr<Comparisons> CompareWithBaseline(const Study& study, int resamples) {
  ResampledAps aps;
  for (const Row& row : study.rows) {
    for (const Cell* cell : row.cells) {
      if (!cell->has_results()) continue;
      ASSIGN_OR_RETURN(aps[cell], ResampleCell(*cell, resamples));
    }
  }
  Comparisons comparisons;
  if (!aps.empty()) comparisons.resamples = resamples;
  for (const Row& row : study.rows) {
    if (!study.IsBaseline(row)) comparisons.to_baseline.push_back(CompareCells(row, study.baseline(), aps));
  }
  AdjustByHolm(&comparisons.to_baseline);
  const Row* baseline_control = ContentControlOf(study, study.baseline());
  for (const Row& row : study.rows) {
    const Row* control = ContentControlOf(study, row);
    if (study.IsBaseline(row) || control == nullptr || baseline_control == nullptr) continue;
    comparisons.controls.push_back({&row, CompareCells(*control, *baseline_control, aps)});
  }
  return comparisons;
}

std::string PValueText(double p_value) {
  if (std::isnan(p_value)) return "";
  return p_value < 0.001 ? "<0.001" : absl::StrFormat("%.3f", p_value);
}

std::string IntervalText(const base::Interval& interval) {
  return absl::StrFormat("[%+.3f, %+.3f]", interval.low, interval.high);
}

std::string DifferenceText(const base::PairedComparison& paired) {
  if (paired.pairs() == 0) return "-";
  const std::string mean = absl::StrFormat("%+.3f", paired.mean);
  if (!paired.interval.has_value()) return absl::StrCat(mean, " (1 seed)");
  return absl::StrCat(mean, " ", IntervalText(*paired.interval));
}

}  // namespace grouppose
