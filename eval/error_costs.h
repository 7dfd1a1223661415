// What each kind of error costs in AP: the evaluation is repeated without it.
//
// Two numbers a kind. `alone`: only this is corrected. `in_turn`: this is corrected after all the kinds before it, so
// that what each gives back adds up to 1 - AP; the order is that of Ronchi and Perona (ICCV 2017): misses, swaps,
// inversions, jitter, scores, then false positives in the background and persons who were missed.
#ifndef EVAL_ERROR_COSTS_H_
#define EVAL_ERROR_COSTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/diagnosis.h"
#include "eval/evaluator.h"
#include "eval/quirks.h"

namespace eval {

enum class ErrorKind { kMiss, kSwap, kInversion, kJitter, kScoring, kBackground, kMissed };
inline constexpr int kNumErrorKinds = 7;
// "miss", ..., "scoring", "background", "missed": as JSON and style sheets call them.
const char* ErrorKindName(ErrorKind kind);

// AP of persons of all areas.
struct ApByThreshold {
  double ap = -1;                 // mean over the thresholds
  std::vector<double> at;         // an OKS threshold each
  std::vector<double> precision;  // [thresholds, recalls]: the interpolated curves, means over the categories
};

struct ErrorCost {
  ErrorKind kind = ErrorKind::kMiss;
  ApByThreshold alone, in_turn;             // AP after the correction
  double gain_alone = 0, gain_in_turn = 0;  // what it gives back
  std::vector<double> gain_in_turn_at;      // an OKS threshold each
};

struct ErrorCosts {
  ApByThreshold baseline;
  std::vector<ErrorCost> costs;  // in the order of ErrorKind
  // The kind that gives back most in turn; nothing is wrong where that is 0.
  const ErrorCost& largest() const;
};

// `metrics` of EvaluateTable with rankings and these options, `diagnosis` of the same. Who counts is what num_keypoints
// says. -1 everywhere where no annotation counts.
absl::StatusOr<ErrorCosts> MeasureErrorCosts(const Dataset& dataset, const DetectionTable& detections,
                                             const EvaluatorOptions& options, const Metrics& metrics,
                                             const Diagnosis& diagnosis);

// AP from rankings, without evaluating again; [area] is a position in Metrics::area_labels.
ApByThreshold ApOfRankings(const std::vector<Ranking>& rankings, int area, const Quirks& quirks);

}  // namespace eval

#endif  // EVAL_ERROR_COSTS_H_
