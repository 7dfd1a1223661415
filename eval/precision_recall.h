// The second half of the evaluation: from matched detections, ranked by score, to precision at fixed recalls.
#ifndef EVAL_PRECISION_RECALL_H_
#define EVAL_PRECISION_RECALL_H_

#include <array>
#include <cstdint>
#include <vector>

#include "eval/quirks.h"

namespace eval {

inline constexpr int kNumRecalls = 101;
// 0, 0.01, ..., 1 as numpy.linspace makes them: i * 0.01 and not i / 100.0. Ten of them differ: entry 35 is
// 0.35000000000000003, and a recall of 35/100 misses it.
const std::array<double, kNumRecalls>& RecallGrid();
// i / 100.0, for those who do not want numpy's.
const std::array<double, kNumRecalls>& NearestRecallGrid();
// The one that the quirks ask for.
const std::array<double, kNumRecalls>& RecallGridOf(const Quirks& quirks);

// What the quirks add to the denominator of precision.
double PrecisionEpsilon(const Quirks& quirks);

// The interpolated curve through points of rising recall: writes to `precision` [kNumRecalls] the highest precision at
// any recall that is at least the grid's, 0 where that is not reached. Spoils `precisions`.
void InterpolateCurve(const std::vector<double>& recalls, std::vector<double>* precisions, double* precision,
                      const std::array<double, kNumRecalls>& grid = RecallGrid());

// The curve of detections by falling score, added one by one. Only those that find somebody make a point: between two
// of them recall stands still and precision falls.
class CurvePoints {
 public:
  // Among `num_positives` > 0 annotations that count.
  CurvePoints(int64_t num_positives, const Quirks& quirks);

  // A detection that finds nobody.
  void AddWrong() { ++wrong_; }
  // One that finds somebody, after all that were added and `more_wrong` others.
  void AddFound(int64_t more_wrong = 0);

  // Writes the interpolated curve to `precision` [kNumRecalls] and returns the recall of all detections. Call it once.
  double Interpolate(double* precision);

 private:
  int64_t num_positives_;
  double epsilon_;
  const std::array<double, kNumRecalls>* grid_;
  int64_t found_ = 0, wrong_ = 0;
  std::vector<double> recalls_, precisions_;
};

// Mean of the values that exist (-1 stands for those that do not), summed as numpy does; -1 where none exists.
double MeanOfExisting(const std::vector<double>& values);

}  // namespace eval

#endif  // EVAL_PRECISION_RECALL_H_
