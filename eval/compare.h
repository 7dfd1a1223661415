// Two result files on the same images: is one better, or would other images have said the opposite?
//
//   eval::CompareOptions options;
//   ASSIGN_OR_RETURN(const eval::Comparison comparison, eval::Compare(dataset, detections_a, detections_b, options));
//   comparison.metrics[0].verdict;   // of B: better, worse, inconclusive
//
// Images are drawn with replacement, the same for both (a paired bootstrap, Efron 1979), and every metric is measured
// on each draw to the last bit. What follows speaks of evaluation images only: how far the difference would move on
// other images of the same kind. It says nothing of other trainings (seeds) of the same models.
#ifndef EVAL_COMPARE_H_
#define EVAL_COMPARE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/statistics.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/evaluator.h"
#include "eval/quirks.h"

namespace eval {

struct CompareOptions {
  KeypointDataset dataset = Coco();
  Quirks quirks = OfficialQuirks();
  int resamples = 10000;
  uint64_t seed = 0;
  double confidence = 0.95;
  int threads = 0;  // 0 takes one a core; the result is the same
  // What errors call the inputs.
  std::string annotations_name = "annotations", a_name = "a", b_name = "b";
};

struct MetricComparison {
  std::string name;
  double a = -1, b = -1;  // -1 where the metric does not exist
  double difference = 0;  // b - a
  // Where the middle `confidence` of the resampled differences lies.
  base::Interval interval;
  // Two-sided: twice the share of resamples on the other side of zero, of which zero itself is on both; the measured
  // images count as one more resample, so that it is never 0 (Davison & Hinkley 1997, 4.2). NaN where the metric does
  // not exist.
  double p_value = 0;
  double holm_p_value = 0;  // adjusted for the number of metrics
  // Better or worse where holm_p_value < 1 - confidence.
  base::Verdict verdict = base::Verdict::kNotAvailable;
  int resamples = 0;  // on which the metric exists, for both
};

struct Comparison {
  std::vector<MetricComparison> metrics;  // those of the summary that can differ, in its order
  int num_images = 0, num_resamples = 0;
  uint64_t seed = 0;
  double confidence = 0;
  std::string a_name, b_name;
  std::vector<std::string> warnings;  // of both evaluations, each once

  int num_tests() const;  // metrics that exist: what Holm's adjustment counts
  // So few resamples that no p-value can pass Holm's adjustment.
  bool too_few_resamples() const;
};

// InvalidArgument: what Evaluate refuses; a data set without images; fewer than one resample.
absl::StatusOr<Comparison> Compare(const Dataset& dataset, const std::vector<Detection>& a,
                                   const std::vector<Detection>& b, const CompareOptions& options);
// The keypoints of the tables' rows are as many as the data set has.
absl::StatusOr<Comparison> CompareTables(const Dataset& dataset, const DetectionTable& a, const DetectionTable& b,
                                         const CompareOptions& options);

}  // namespace eval

#endif  // EVAL_COMPARE_H_
