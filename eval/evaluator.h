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
#include "eval/keypoint_dataset.h"

namespace eval {

struct EvaluatorOptions {
  KeypointDataset dataset = Coco();
  bool details = false;  // fill Metrics::per_image
  bool ranking = false;  // fill Metrics::rankings
  // What errors call the two inputs: the files' names where there are files.
  std::string annotations_name = "annotations";
  std::string detections_name = "detections";
};

// Who was matched with whom in one image and category, persons of all areas.
struct ImageDetails {
  int64_t image_id = 0, category_id = 0;
  std::vector<int64_t> detection_ids;  // position in the list of detections, from 1; best score first
  std::vector<double> scores;
  std::vector<int64_t> annotation_ids;  // those that count first, then the ignored
  std::vector<bool> annotation_ignored;
  // At OKS 0.5 and 0.75, a detection each: the id of the annotation matched, or 0.
  std::vector<int64_t> matches_50, matches_75;
  std::vector<bool> detection_ignored_50;
  std::vector<double> oks;  // [detections, annotations in file order]; empty where either is missing
};

// The ranges of Metrics::area_labels.
inline constexpr int kNumAreaLabels = 3;

// How a detection fared: bit t of each word stands for OKS threshold t, one word for each range of areas. Neither bit
// is set where the detection counts neither way.
struct RankedDetection {
  int image = 0;      // position among the image ids, ascending
  int detection = 0;  // position in the list of detections
  double score = 0;
  std::array<uint16_t, kNumAreaLabels> found = {};  // a person whom no better detection has found
  std::array<uint16_t, kNumAreaLabels> wrong = {};
};

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

// InvalidArgument, naming the record: what the official tool refuses (a detection in an image that the data set lacks;
// no `bbox` although the first detection has one), another number of keypoints than the data set's, and fields that the
// data set's rules need (area for COCO, crowdIndex for CrowdPose).
absl::StatusOr<Metrics> Evaluate(const Dataset& dataset, const std::vector<Detection>& detections,
                                 const EvaluatorOptions& options = {});

}  // namespace eval

#endif  // EVAL_EVALUATOR_H_
