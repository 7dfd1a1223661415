// COCO and CrowdPose files: the only reader and the only writer of this project.
//
//   ASSIGN_OR_RETURN(eval::Dataset dataset, eval::ReadDataset("annotations/person_keypoints_val2017.json"));
//   ASSIGN_OR_RETURN(std::vector<eval::Detection> detections, eval::ReadDetections("results.json"));
//
// Everything is kept in file order, as the file has it: pixels, ids as they are, nothing dropped, sorted or clamped.
// Fields that are not named here (segmentation, licences, ...) are passed over.
//
// Numbers become doubles, correctly rounded. The literals NaN, Infinity and -Infinity, which Python's json module
// writes although JSON has none, are read as such wherever a double is expected.
//
// An error is one line: file, byte offset (counted from 0), record, what was found and what was expected.
#ifndef EVAL_ANNOTATIONS_H_
#define EVAL_ANNOTATIONS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eval {

using Box = std::array<double, 4>;  // x, y of the upper left corner, width, height; pixels

struct Image {
  int64_t id = 0;
  int64_t width = 0, height = 0;      // pixels; 0 where the file does not say
  std::string file_name;              // "" where the file does not say
  std::optional<double> crowd_index;  // CrowdPose's `crowdIndex`, 0 (nobody overlaps) to 1
};

// One person (or a crowd region).
struct Annotation {
  int64_t id = 0;
  int64_t image_id = 0;
  int64_t category_id = 1;
  Box bbox = {};
  std::optional<double> area;     // square pixels; COCO always has it, CrowdPose never
  bool iscrowd = false;           // a region of many persons, not one
  int64_t num_keypoints = 0;      // as annotated: data sets count some of the joints only
  std::vector<double> keypoints;  // [3K]: x, y, v of each; v 0 not labelled, 1 labelled and hidden, 2 visible
};

struct Category {
  int64_t id = 1;
  std::string name;
  std::string supercategory;
  std::vector<std::string> keypoints;                 // names
  std::vector<std::pair<int64_t, int64_t>> skeleton;  // as the file has it: counted from 1
};

struct Dataset {
  std::vector<Image> images;
  std::vector<Annotation> annotations;
  std::vector<Category> categories;
};

// One entry of a results file. Detections of a training loop are made in memory and never see a file.
struct Detection {
  int64_t image_id = 0;
  int64_t category_id = 1;
  std::vector<double> keypoints;  // [3K]: x, y in pixels, then a number that evaluation ignores
  double score = 0;
  std::optional<Box> bbox;
};

struct ReadOptions {
  // K that every `keypoints` must have; 0 takes any multiple of three numbers.
  int num_keypoints = 0;
};

// An object with `images`, `annotations` and `categories`.
absl::StatusOr<Dataset> ReadDataset(const std::string& path, const ReadOptions& options = {});
// An array of detections; [] is fine.
absl::StatusOr<std::vector<Detection>> ReadDetections(const std::string& path, const ReadOptions& options = {});

// The same from memory; `source` stands for the file in errors.
absl::StatusOr<Dataset> ParseDataset(std::string json, const std::string& source, const ReadOptions& options = {});
absl::StatusOr<std::vector<Detection>> ParseDetections(std::string json, const std::string& source,
                                                       const ReadOptions& options = {});

// JSON, one record a line. Numbers are the shortest text that reads back as the same double; NaN and infinities are
// written as Python writes them. The same input gives the same bytes.
std::string FormatDataset(const Dataset& dataset);
std::string FormatDetections(const std::vector<Detection>& detections);
absl::Status WriteDataset(const std::string& path, const Dataset& dataset);
absl::Status WriteDetections(const std::string& path, const std::vector<Detection>& detections);

}  // namespace eval

#endif  // EVAL_ANNOTATIONS_H_
