#include "eval/precision_recall.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "eval/oks.h"

namespace eval {

const std::array<double, kNumRecalls>& RecallGrid() {
  static const std::array<double, kNumRecalls> grid = [] {
    std::array<double, kNumRecalls> values;
    for (int i = 0; i < kNumRecalls; ++i) values[i] = i * 0.01;
    values.back() = 1.0;
    return values;
  }();
  return grid;
}

const std::array<double, kNumRecalls>& NearestRecallGrid() {
  static const std::array<double, kNumRecalls> grid = [] {
    std::array<double, kNumRecalls> values;
    for (int i = 0; i < kNumRecalls; ++i) values[i] = i / 100.0;
    return values;
  }();
  return grid;
}

const std::array<double, kNumRecalls>& RecallGridOf(const Quirks& quirks) {
  return quirks.recalls_are_rounded_up ? RecallGrid() : NearestRecallGrid();
}

double PrecisionEpsilon(const Quirks& quirks) {
  return quirks.precision_is_below_one ? std::numeric_limits<double>::epsilon() : 0;
}

void InterpolateCurve(const std::vector<double>& recalls, std::vector<double>* precisions, double* precision,
                      const std::array<double, kNumRecalls>& grid) {
  const size_t count = recalls.size();
  // the curve never rises with recall
  for (size_t i = count; i > 1; --i) (*precisions)[i - 2] = std::max((*precisions)[i - 2], (*precisions)[i - 1]);

  size_t i = 0;
  for (int r = 0; r < kNumRecalls; ++r) {
    while (i < count && recalls[i] < grid[r]) ++i;
    precision[r] = i < count ? (*precisions)[i] : 0;
  }
}

CurvePoints::CurvePoints(int64_t num_positives, const Quirks& quirks)
    : num_positives_(num_positives), epsilon_(PrecisionEpsilon(quirks)), grid_(&RecallGridOf(quirks)) {
  GROUPPOSE_CHECK(num_positives > 0, "recall needs annotations that count, got ", num_positives);
}

void CurvePoints::AddFound(int64_t more_wrong) {
  const double true_positives = static_cast<double>(++found_);
  const double false_positives = static_cast<double>(wrong_ + more_wrong);
  recalls_.push_back(true_positives / static_cast<double>(num_positives_));
  precisions_.push_back(true_positives / (false_positives + true_positives + epsilon_));
}

double CurvePoints::Interpolate(double* precision) {
  InterpolateCurve(recalls_, &precisions_, precision, *grid_);
  return recalls_.empty() ? 0 : recalls_.back();
}

double MeanOfExisting(const std::vector<double>& values) {
  std::vector<double> existing;
  for (const double value : values) {
    if (value > -1) existing.push_back(value);
  }
  if (existing.empty()) return -1;
  return NumpySum(existing.data(), existing.size()) / static_cast<double>(existing.size());
}

}  // namespace eval
