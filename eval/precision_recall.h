// The second half of the evaluation: from matched detections, ranked by score, to precision at fixed recalls.
#ifndef EVAL_PRECISION_RECALL_H_
#define EVAL_PRECISION_RECALL_H_

#include <array>
#include <cstdint>
#include <vector>

namespace eval {

inline constexpr int kNumRecalls = 101;
// 0, 0.01, ..., 1 as numpy.linspace makes them: i * 0.01 and not i / 100.0. Ten of them differ: entry 35 is
// 0.35000000000000003, and a recall of 35/100 misses it.
const std::array<double, kNumRecalls>& RecallGrid();

enum class Outcome : uint8_t {
  kFalsePositive,
  kTruePositive,
  kIgnored,  // neither: matched with an ignored annotation, or unmatched and of another size
};

// The interpolated curve through points of rising recall: writes to `precision` [kNumRecalls] the highest precision at
// any recall that is at least the grid's, 0 where that is not reached. Spoils `precisions`.
void InterpolateCurve(const std::vector<double>& recalls, std::vector<double>* precisions, double* precision);

// Of detections by falling score, among `num_positives` > 0 annotations that count. Writes the interpolated curve
// to `precision` [kNumRecalls] and returns the recall of all detections.
double PrecisionAtRecalls(const std::vector<Outcome>& outcomes, int64_t num_positives, double* precision);

// Mean of the values that exist (-1 stands for those that do not), summed as numpy does; -1 where none exists.
double MeanOfExisting(const std::vector<double>& values);

}  // namespace eval

#endif  // EVAL_PRECISION_RECALL_H_
