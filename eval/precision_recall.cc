#include "eval/precision_recall.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

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
  // the curve never rises with recall
  for (int i = count - 1; i > 0; --i) precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);

  int i = 0;
  for (int r = 0; r < kNumRecalls; ++r) {
    while (i < count && recalls[i] < RecallGrid()[r]) ++i;
    precision[r] = i < count ? precisions[i] : 0;
  }
  return count > 0 ? recalls.back() : 0;
}

}  // namespace eval
