// Who finds whom, image by image: the half of an evaluation that several processes can share.
//
//   // in every process, on the whole data set and the detections of its own images
//   ASSIGN_OR_RETURN(eval::Matches mine, eval::MatchImages(dataset, detections, options, my_image_ids));
//   send(eval::SerializeMatches(mine));
//   // in one process
//   ASSIGN_OR_RETURN(eval::Metrics metrics, eval::EvaluateMatches(std::move(parts), options));
//
// The metrics have the bits that eval::Evaluate gives for all detections in one process, whatever the images' way to
// the processes. (Detections of one image have to keep their order.)
#ifndef EVAL_MATCHES_H_
#define EVAL_MATCHES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/keypoint_dataset.h"
#include "eval/quirks.h"

namespace eval {

struct EvaluatorOptions {
  KeypointDataset dataset = Coco();
  Quirks quirks = OfficialQuirks();
  bool details = false;  // fill Metrics::per_image
  bool ranking = false;  // fill Metrics::rankings
  int threads = 1;       // the result is the same on any number
  // What errors call the two inputs: the files' names where there are files.
  std::string annotations_name = "annotations";
  std::string detections_name = "detections";
};

// Who was matched with whom in one image and category, persons of all areas.
struct ImageDetails {
  int64_t image_id = 0, category_id = 0;
  std::vector<int64_t> detection_ids;  // position in the list of detections, from 1; best score first
  std::vector<double> scores;
  std::vector<int64_t> annotation_ids;    // those that count first, then the ignored
  std::vector<int> annotation_positions;  // theirs in Dataset::annotations
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

struct Matches {
  // Of one category.
  struct Category {
    std::vector<RankedDetection> detections;  // those that count: image by image, best score first
    // Annotations that count, [areas][images].
    std::array<std::vector<int64_t>, kNumAreaLabels> num_positives;
  };
  // Where the areas of detections come from, where the first detection decides about it.
  enum class AreaSource : uint8_t { kUndecided, kBoxes, kKeypoints };

  std::vector<int64_t> image_ids, category_ids;  // of the whole data set, ascending
  std::vector<uint8_t> evaluated;                // an image each: 1 if this part has looked at it
  std::vector<uint8_t> difficulties;             // an image each: bit d for easy, medium, hard; CrowdPose
  std::vector<int64_t> num_detections;           // an image each, all there are
  int64_t num_annotations = 0;                   // of the whole data set
  AreaSource area_source = AreaSource::kUndecided;
  std::vector<Category> categories;
  std::vector<ImageDetails> per_image;  // by category, then image; with options.details only
  std::vector<std::string> warnings;    // oddities of the input that move the numbers
};

// Of the images `image_ids`, each of which the data set has to list; nullopt takes all. InvalidArgument, naming the
// record: what the official tool refuses (a detection in an image that the data set lacks; no `bbox` although the first
// detection has one), another number of keypoints than the data set's, fields that the data set's rules need (area for
// COCO, crowdIndex for CrowdPose), and a detection in an image that is not among `image_ids`.
absl::StatusOr<Matches> MatchImages(const Dataset& dataset, const std::vector<Detection>& detections,
                                    const EvaluatorOptions& options,
                                    const std::optional<std::vector<int64_t>>& image_ids = std::nullopt);
// TableOf, once every detection is known to have as many keypoints as the data set. InvalidArgument where one has not.
absl::StatusOr<DetectionTable> CheckedTableOf(const std::vector<Detection>& detections,
                                              const EvaluatorOptions& options);
// The keypoints of the table's rows are as many as the data set has.
absl::StatusOr<Matches> MatchTable(const Dataset& dataset, const DetectionTable& table, const EvaluatorOptions& options,
                                   const std::optional<std::vector<int64_t>>& image_ids = std::nullopt);

// One out of several, which have to be of one data set and together of all its images. An image that several parts have
// looked at (samplers repeat some so that all processes get as many) is taken from the first of them.
absl::StatusOr<Matches> MergeMatches(std::vector<Matches> parts);

// Bytes to be sent to another process of the same build.
std::string SerializeMatches(const Matches& matches);
absl::StatusOr<Matches> ParseMatches(absl::string_view bytes);

}  // namespace eval

#endif  // EVAL_MATCHES_H_
