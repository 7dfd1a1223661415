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

void InterpolateCurve(const std::vector<double>& recalls, std::vector<double>* precisions, double* precision) {
  const size_t count = recalls.size();
  // the curve never rises with recall
  for (size_t i = count; i > 1; --i) (*precisions)[i - 2] = std::max((*precisions)[i - 2], (*precisions)[i - 1]);

  size_t i = 0;
  for (int r = 0; r < kNumRecalls; ++r) {
    while (i < count && recalls[i] < RecallGrid()[r]) ++i;
    precision[r] = i < count ? (*precisions)[i] : 0;
  }
}

double PrecisionAtRecalls(const std::vector<Outcome>& outcomes, int64_t num_positives, double* precision) {
  GROUPPOSE_CHECK(num_positives > 0, "recall needs annotations that count, got ", num_positives);
  const int count = static_cast<int>(outcomes.size());
  std::vector<double> recalls(count), precisions(count);
  double true_positives = 0, false_positives = 0;
  for (int i = 0; i < count; ++i) {
    true_positives += outcomes[i] == Outcome::kTruePositive;
    false_positives += outcomes[i] == Outcome::kFalsePositive;
    recalls[i] = true_positives / num_positives;
    precisions[i] = true_positives / (false_positives + true_positives + std::numeric_limits<double>::epsilon());
  }
  InterpolateCurve(recalls, &precisions, precision);
  return count > 0 ? recalls.back() : 0;
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
