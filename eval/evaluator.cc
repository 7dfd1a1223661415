#include "eval/evaluator.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "base/parallel.h"
#include "base/status.h"
#include "eval/matching.h"
#include "eval/oks.h"
#include "eval/precision_recall.h"
#include "eval/score_order.h"

namespace eval {
namespace {

// Positions of OKS 0.5 and 0.75 among the thresholds.
constexpr int kThreshold50 = 0, kThreshold75 = 5;

// From matches to metrics.
class Evaluation {
 public:
  Evaluation(Matches matches, const EvaluatorOptions& options) : matches_(std::move(matches)), options_(options) {}

  Metrics Run() {
    for (const Matches::Category& category : matches_.categories) rankings_.push_back(OrderOf(category));
    FillCurves();
    CountRecords();
    Summarise();
    metrics_.warnings = std::move(matches_.warnings);
    metrics_.per_image = std::move(matches_.per_image);
    if (options_.ranking) AddRankings();
    return std::move(metrics_);
  }

 private:
  // Positions in Matches::Category::detections by falling score; equal scores image by image.
  static std::vector<int> OrderOf(const Matches::Category& category) {
    std::vector<double> scores;
    scores.reserve(category.detections.size());
    for (const RankedDetection& detection : category.detections) scores.push_back(detection.score);
    return OrderByScore(scores);
  }

  // The curves of one category and area over the images that take part (all, where `takes_part` is null): precision
  // [thresholds, recalls] and recall [thresholds], -1 where no annotation counts.
  void Curves(int category, int area, const std::vector<bool>* takes_part, double* precision, double* recall) const;
  void FillCurves();
  void CountRecords();
  void AddRankings();

  // Means over what exists; -1 where nothing does. `threshold` -1 takes all.
  double MeanPrecisionOf(int area, int threshold) const;
  double MeanRecallOf(int area, int threshold) const;
  // Of the images whose Matches::difficulties have this bit.
  double PrecisionOfDifficulty(int bit) const;
  void Summarise();

  Matches matches_;
  const EvaluatorOptions& options_;
  std::vector<std::vector<int>> rankings_;  // a category each
  Metrics metrics_;
};

void Evaluation::Curves(int category, int area, const std::vector<bool>* takes_part, double* precision,
                        double* recall) const {
  std::fill_n(precision, kNumThresholds * kNumRecalls, -1);
  std::fill_n(recall, kNumThresholds, -1);
  const Matches::Category& matches = matches_.categories[category];
  int64_t num_positives = 0;
  for (size_t i = 0; i < matches_.image_ids.size(); ++i) {
    if (takes_part == nullptr || (*takes_part)[i]) num_positives += matches.num_positives[area][i];
  }
  if (num_positives == 0) return;

  std::vector<CurvePoints> curves(kNumThresholds, CurvePoints(num_positives, options_.quirks));
  constexpr unsigned kEveryThreshold = (1 << kNumThresholds) - 1;
  int64_t wrong_everywhere = 0;
  for (const int position : rankings_[category]) {
    const RankedDetection& detection = matches.detections[position];
    if (takes_part != nullptr && !(*takes_part)[detection.image]) continue;
    const unsigned found = detection.found[area], wrong = detection.wrong[area];
    // the usual case first: it finds nobody
    if (wrong == kEveryThreshold) {
      ++wrong_everywhere;
      continue;
    }
    for (unsigned bits = wrong; bits != 0; bits &= bits - 1) curves[__builtin_ctz(bits)].AddWrong();
    for (unsigned bits = found; bits != 0; bits &= bits - 1) curves[__builtin_ctz(bits)].AddFound(wrong_everywhere);
  }
  for (int t = 0; t < kNumThresholds; ++t) recall[t] = curves[t].Interpolate(precision + t * kNumRecalls);
}

void Evaluation::FillCurves() {
  const int num_categories = static_cast<int>(matches_.category_ids.size());
  metrics_.num_thresholds = kNumThresholds;
  metrics_.num_recalls = kNumRecalls;
  metrics_.category_ids = matches_.category_ids;
  for (const AreaRange& range : kAreaRanges) metrics_.area_labels.push_back(range.label);
  const int columns = num_categories * kNumAreas;
  metrics_.precision.resize(kNumThresholds * kNumRecalls * columns);
  metrics_.recall.resize(kNumThresholds * columns);
  base::ParallelFor(options_.threads, columns, [&](int64_t column) {
    double precision[kNumThresholds * kNumRecalls], recall[kNumThresholds];
    Curves(static_cast<int>(column / kNumAreas), static_cast<int>(column % kNumAreas), nullptr, precision, recall);
    for (int i = 0; i < kNumThresholds * kNumRecalls; ++i) metrics_.precision[i * columns + column] = precision[i];
    for (int t = 0; t < kNumThresholds; ++t) metrics_.recall[t * columns + column] = recall[t];
  });
}

void Evaluation::CountRecords() {
  metrics_.num_images = static_cast<int64_t>(matches_.image_ids.size());
  metrics_.num_annotations = matches_.num_annotations;
  for (const int64_t count : matches_.num_detections) metrics_.num_detections += count;
  for (const Matches::Category& category : matches_.categories) {
    for (const int64_t count : category.num_positives[0]) metrics_.num_positives += count;
  }
}

void Evaluation::AddRankings() {
  for (size_t k = 0; k < rankings_.size(); ++k) {
    Matches::Category& category = matches_.categories[k];
    Ranking ranking;
    for (const int position : rankings_[k]) ranking.detections.push_back(category.detections[position]);
    ranking.num_positives = std::move(category.num_positives);
    metrics_.rankings.push_back(std::move(ranking));
  }
}

double Evaluation::MeanPrecisionOf(int area, int threshold) const {
  std::vector<double> values;
  for (int t = 0; t < kNumThresholds; ++t) {
    if (threshold >= 0 && t != threshold) continue;
    for (int r = 0; r < kNumRecalls; ++r) {
      for (size_t k = 0; k < metrics_.category_ids.size(); ++k) values.push_back(metrics_.Precision(t, r, k, area));
    }
  }
  return MeanOfExisting(values);
}

double Evaluation::MeanRecallOf(int area, int threshold) const {
  std::vector<double> values;
  for (int t = 0; t < kNumThresholds; ++t) {
    if (threshold >= 0 && t != threshold) continue;
    for (size_t k = 0; k < metrics_.category_ids.size(); ++k) values.push_back(metrics_.Recall(t, k, area));
  }
  return MeanOfExisting(values);
}

// Unlike the other means it takes the -1 of absent categories with it, and is rounded to four decimals (crowdposetools,
// get_type_result).
double Evaluation::PrecisionOfDifficulty(int bit) const {
  std::vector<bool> takes_part(matches_.image_ids.size());
  for (size_t i = 0; i < takes_part.size(); ++i) takes_part[i] = (matches_.difficulties[i] >> bit & 1) != 0;
  std::vector<double> values;
  double precision[kNumThresholds * kNumRecalls], recall[kNumThresholds];
  for (size_t k = 0; k < matches_.categories.size(); ++k) {
    Curves(static_cast<int>(k), 0, &takes_part, precision, recall);
    values.insert(values.end(), std::begin(precision), std::end(precision));
  }
  if (values.empty()) return -1;
  if (!options_.quirks.difficulties_are_rounded) return MeanOfExisting(values);
  const double mean = NumpySum(values.data(), values.size()) / static_cast<double>(values.size());
  return std::nearbyint(mean * 1e4) / 1e4;
}

void Evaluation::Summarise() {
  enum { kAll, kMedium, kLarge };
  const double ap[] = {MeanPrecisionOf(kAll, -1), MeanPrecisionOf(kAll, kThreshold50),
                       MeanPrecisionOf(kAll, kThreshold75)};
  const double ar[] = {MeanRecallOf(kAll, -1), MeanRecallOf(kAll, kThreshold50), MeanRecallOf(kAll, kThreshold75)};
  if (options_.dataset.summary_rule == SummaryRule::kByArea) {
    metrics_.names = {"AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"};
    metrics_.stats = {ap[0], ap[1], ap[2], MeanPrecisionOf(kMedium, -1), MeanPrecisionOf(kLarge, -1),
                      ar[0], ar[1], ar[2], MeanRecallOf(kMedium, -1),    MeanRecallOf(kLarge, -1)};
    return;
  }
  metrics_.names = {"AP", "AP50", "AP75", "zero3", "zero4", "AR", "AR50", "AR75", "AP_easy", "AP_medium", "AP_hard"};
  metrics_.stats = {ap[0],
                    ap[1],
                    ap[2],
                    0,
                    0,
                    ar[0],
                    ar[1],
                    ar[2],
                    PrecisionOfDifficulty(0),
                    PrecisionOfDifficulty(1),
                    PrecisionOfDifficulty(2)};
}

}  // namespace

double Metrics::Stat(absl::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return stats[i];
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double Metrics::Precision(int threshold, int recall_index, int category, int area) const {
  return precision[((threshold * num_recalls + recall_index) * category_ids.size() + category) * area_labels.size() +
                   area];
}

double Metrics::Recall(int threshold, int category, int area) const {
  return recall[(threshold * category_ids.size() + category) * area_labels.size() + area];
}

double Metrics::MeanPrecision(int threshold, int category, int area) const {
  std::vector<double> values;
  for (int r = 0; r < num_recalls; ++r) values.push_back(Precision(threshold, r, category, area));
  return NumpySum(values.data(), values.size()) / num_recalls;
}

absl::StatusOr<Metrics> EvaluateMatches(std::vector<Matches> parts, const EvaluatorOptions& options) {
  ASSIGN_OR_RETURN(Matches matches, MergeMatches(std::move(parts)));
  if (options.dataset.summary_rule == SummaryRule::kByCrowdIndex &&
      matches.difficulties.size() != matches.image_ids.size()) {
    return absl::InvalidArgumentError(
        "the matches know no difficulties of images, expected what was matched for a summary by crowd index");
  }
  return Evaluation(std::move(matches), options).Run();
}

absl::StatusOr<Metrics> Evaluate(const Dataset& dataset, const std::vector<Detection>& detections,
                                 const EvaluatorOptions& options) {
  ASSIGN_OR_RETURN(Matches matches, MatchImages(dataset, detections, options));
  return Evaluation(std::move(matches), options).Run();
}

absl::StatusOr<Metrics> EvaluateTable(const Dataset& dataset, const DetectionTable& table,
                                      const EvaluatorOptions& options) {
  ASSIGN_OR_RETURN(Matches matches, MatchTable(dataset, table, options));
  return Evaluation(std::move(matches), options).Run();
}

}  // namespace eval
