#include "eval/resampled_ap.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "eval/precision_recall.h"

namespace eval {
namespace {

bool SameScore(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

ResampledAp::ResampledAp(const Metrics& metrics) : num_images_(static_cast<int>(metrics.num_images)) {
  GROUPPOSE_CHECK(metrics.rankings.size() == metrics.category_ids.size(),
                  "expected metrics with rankings: EvaluatorOptions::ranking");
  for (const Ranking& ranking : metrics.rankings) {
    Category category;
    category.num_positives = ranking.num_positives;
    for (int i = 0; i < static_cast<int>(ranking.detections.size()); ++i) {
      const RankedDetection& detection = ranking.detections[i];
      const bool goes_on = i > 0 && ranking.detections[i - 1].image == detection.image &&
                           SameScore(ranking.detections[i - 1].score, detection.score);
      if (!goes_on) category.runs.push_back({detection.image, i, i});
      category.runs.back().end = i + 1;
      Detection counted = {detection.found, {}};
      for (int t = 0; t < kNumThresholds; ++t) counted.wrong[t] = (detection.wrong >> t) & 1;
      category.detections.push_back(counted);
    }
    categories_.push_back(std::move(category));
  }
}

double ResampledAp::operator()(const std::vector<int>& counts) const {
  GROUPPOSE_CHECK(counts.size() == static_cast<size_t>(num_images_), "expected a count for each of ", num_images_,
                  " images, got ", counts.size());
  // [categories, thresholds, recalls]
  std::vector<double> precision;
  for (const Category& category : categories_) AddCurves(category, counts, &precision);
  // the order in which the evaluator adds them: [thresholds, recalls, categories]
  std::vector<double> values;
  values.reserve(precision.size());
  constexpr size_t kCurves = kNumThresholds * kNumRecalls;
  for (size_t i = 0; i < kCurves; ++i) {
    for (size_t k = 0; k < categories_.size(); ++k) values.push_back(precision[k * kCurves + i]);
  }
  return MeanOfExisting(values);
}

void ResampledAp::AddCurves(const Category& category, const std::vector<int>& counts,
                            std::vector<double>* precision) const {
  const size_t first = precision->size();
  precision->resize(first + kNumThresholds * kNumRecalls, -1);
  int64_t num_positives = 0;
  for (int i = 0; i < num_images_; ++i) num_positives += counts[i] * category.num_positives[i];
  if (num_positives == 0) return;

  // the curve's points where a person is found: between them, recall stands still and precision only falls
  std::array<std::vector<double>, kNumThresholds> recalls, precisions;
  for (std::vector<double>& points : recalls) points.reserve(num_positives);
  for (std::vector<double>& points : precisions) points.reserve(num_positives);
  std::array<int32_t, kNumThresholds> found = {}, wrong = {};
  for (const Run& run : category.runs) {
    for (int copy = 0; copy < counts[run.image]; ++copy) {
      for (int i = run.begin; i < run.end; ++i) {
        const Detection& detection = category.detections[i];
        for (int t = 0; t < kNumThresholds; ++t) wrong[t] += detection.wrong[t];
        for (unsigned bits = detection.found; bits != 0; bits &= bits - 1) {
          const int t = __builtin_ctz(bits);
          const double true_positives = ++found[t], false_positives = wrong[t];
          recalls[t].push_back(true_positives / num_positives);
          precisions[t].push_back(true_positives /
                                  (false_positives + true_positives + std::numeric_limits<double>::epsilon()));
        }
      }
    }
  }
  for (int t = 0; t < kNumThresholds; ++t) {
    InterpolateCurve(recalls[t], &precisions[t], precision->data() + first + t * kNumRecalls);
  }
}

}  // namespace eval
