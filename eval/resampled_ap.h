// AP on images that are counted several times or not at all: what a bootstrap over evaluation images asks thousands of
// times.
//
//   options.ranking = true;
//   ASSIGN_OR_RETURN(const eval::Metrics metrics, eval::Evaluate(dataset, detections, options));
//   const eval::ResampledAp ap(metrics);
//   ap(base::BootstrapCounts(ap.num_images(), seed, resample));
//
// Persons and detections are matched once, by Evaluate, since images do not know each other; a resample only ranks and
// counts. The result has the bits that Evaluate gives for a data set in which image i stands counts[i] times, its
// copies next to each other in the order of the ids: with counts of one, that of the data set itself.
#ifndef EVAL_RESAMPLED_AP_H_
#define EVAL_RESAMPLED_AP_H_

#include <array>
#include <cstdint>
#include <vector>

#include "eval/evaluator.h"
#include "eval/matching.h"

namespace eval {

class ResampledAp {
 public:
  // Of metrics that were asked for with EvaluatorOptions::ranking.
  explicit ResampledAp(const Metrics& metrics);

  int num_images() const { return num_images_; }

  // `counts` [num_images] in the order of the image ids. -1 where no annotation counts.
  double operator()(const std::vector<int>& counts) const;

 private:
  // Detections of one image and score: a copy of the image brings them all before the next copy's.
  struct Run {
    int image, begin, end;
  };
  struct Detection {
    uint16_t found;                             // bit t: finds a person at OKS threshold t
    std::array<int32_t, kNumThresholds> wrong;  // 1 where it counts as wrong: added up as they lie
  };
  struct Category {
    std::vector<int64_t> num_positives;  // an image each
    std::vector<Detection> detections;   // best score first
    std::vector<Run> runs;
  };
  // Appends the curves [thresholds, recalls].
  void AddCurves(const Category& category, const std::vector<int>& counts, std::vector<double>* precision) const;

  int num_images_ = 0;
  std::vector<Category> categories_;
};

}  // namespace eval

#endif  // EVAL_RESAMPLED_AP_H_
