// COCO keypoint AP and AR, and CrowdPose's, equal to the official tools' numbers.
//
//   eval::EvaluatorOptions options;                       // COCO; options.dataset = eval::CrowdPose() for the other
//   ASSIGN_OR_RETURN(eval::Metrics metrics, eval::Evaluate(dataset, detections, options));
//   metrics.Stat("AP");                                   // metrics.names lists the names
//
// The same input gives the same bits on every machine with IEEE doubles and the same exp.
//
// Where a number does not exist (no annotation counts), it is -1. An empty list of detections is fine and gives 0.
#ifndef EVAL_EVALUATOR_H_
#define EVAL_EVALUATOR_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/keypoint_dataset.h"
#include "eval/matches.h"

namespace eval {

// What precision and recall of one category are made from.
struct Ranking {
  std::vector<RankedDetection> detections;  // best score first; equal scores image by image
  // Annotations that count, an image each, for each range of areas.
  std::array<std::vector<int64_t>, kNumAreaLabels> num_positives;
};

struct Metrics {
  // The official tool's summary, in its order: 10 numbers for COCO, 11 for CrowdPose.
  std::vector<std::string> names;
  std::vector<double> stats;

  int num_thresholds = 0;                // OKS 0.5, 0.55, ..., 0.95
  int num_recalls = 0;                   // 0, 0.01, ..., 1
  std::vector<int64_t> category_ids;     // ascending
  std::vector<std::string> area_labels;  // all, medium, large
  std::vector<double> precision;         // [thresholds, recalls, categories, areas], the interpolated curve
  std::vector<double> recall;            // [thresholds, categories, areas], the highest that is reached

  int64_t num_images = 0, num_annotations = 0, num_detections = 0;
  int64_t num_positives = 0;  // annotations that count: persons with keypoints, of all areas

  std::vector<ImageDetails> per_image;  // by category, then image id; with options.details only
  std::vector<Ranking> rankings;        // a category each; with options.ranking only
  std::vector<std::string> warnings;    // oddities of the input that move the numbers, one line each

  // A number of `stats` by name; NaN where there is none of that name.
  double Stat(absl::string_view name) const;
  double Precision(int threshold, int recall, int category, int area) const;
  double Recall(int threshold, int category, int area) const;
  // Mean over the recalls; -1 where no annotation counts.
  double MeanPrecision(int threshold, int category, int area) const;
};

// InvalidArgument where MatchImages refuses.
absl::StatusOr<Metrics> Evaluate(const Dataset& dataset, const std::vector<Detection>& detections,
                                 const EvaluatorOptions& options = {});
// The keypoints of the table's rows are as many as the data set has.
absl::StatusOr<Metrics> EvaluateTable(const Dataset& dataset, const DetectionTable& table,
                                      const EvaluatorOptions& options = {});

// The metrics of what one process or several have matched: see eval/matches.h. InvalidArgument where MergeMatches
// refuses. The options have to be those of MatchImages.
absl::StatusOr<Metrics> EvaluateMatches(std::vector<Matches> parts, const EvaluatorOptions& options = {});

}  // namespace eval

#endif  // EVAL_EVALUATOR_H_
