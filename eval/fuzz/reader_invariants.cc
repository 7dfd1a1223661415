#include "eval/fuzz/reader_invariants.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "eval/annotations.h"
#include "eval/detection_table_reader.h"
#include "eval/evaluator.h"

namespace eval {
namespace {

// Few, so that a mutation often has the right number.
constexpr int kKeypoints = 2;
constexpr char kSource[] = "fuzz.json";

bool Same(double a, double b) {
  return (a == b && std::signbit(a) == std::signbit(b)) || (std::isnan(a) && std::isnan(b));
}

// "fuzz.json: byte N: ..." with N in the text or just behind it.
void CheckError(const absl::Status& status, const std::string& json) {
  GROUPPOSE_CHECK(status.code() == absl::StatusCode::kInvalidArgument, status.ToString());
  absl::string_view message = status.message();
  const std::string start = absl::StrCat(kSource, ": byte ");
  GROUPPOSE_CHECK(absl::StartsWith(message, start), status.ToString());
  message.remove_prefix(start.size());
  uint64_t offset = 0;
  GROUPPOSE_CHECK(absl::SimpleAtoi(message.substr(0, message.find(':')), &offset), status.ToString());
  GROUPPOSE_CHECK(offset <= json.size(), status.ToString());
}

void CheckRow(const DetectionRow& row, int stride, const Detection& detection) {
  GROUPPOSE_CHECK(row.image_id == detection.image_id && row.category_id == detection.category_id, "ids differ");
  GROUPPOSE_CHECK(Same(row.score, detection.score), "scores differ: ", row.score, " and ", detection.score);
  GROUPPOSE_CHECK(row.has_bbox == detection.bbox.has_value(), "boxes differ");
  if (row.has_bbox) {
    GROUPPOSE_CHECK(Same(row.bbox_area, (*detection.bbox)[2] * (*detection.bbox)[3]), "areas differ");
  }
  for (int k = 0; k < kKeypoints; ++k) {
    GROUPPOSE_CHECK(Same(row.keypoints[stride * k], detection.keypoints[3 * k]) &&
                        Same(row.keypoints[stride * k + 1], detection.keypoints[3 * k + 1]),
                    "keypoint ", k, " differs: (", row.keypoints[stride * k], ", ", row.keypoints[stride * k + 1],
                    ") and (", detection.keypoints[3 * k], ", ", detection.keypoints[3 * k + 1], ")");
  }
}

KeypointDataset TwoKeypoints() {
  KeypointDataset description;
  description.name = "two";
  description.names = {"left", "right"};
  description.sigmas = {0.1, 0.05};
  return description;
}

}  // namespace

void CheckDetectionReaders(const std::string& json) {
  ReadOptions read_options;
  read_options.num_keypoints = kKeypoints;
  const auto careful = ParseDetections(json, kSource, read_options);
  // pieces shorter than a record, and one piece
  for (const int64_t piece_bytes : {40, 1 << 18}) {
    TableReadOptions options;
    options.num_keypoints = kKeypoints;
    options.piece_bytes = piece_bytes;
    const auto table = ParseDetectionTable(json, kSource, options);
    GROUPPOSE_CHECK(table.status() == careful.status(), table.status().ToString(), " and ",
                    careful.status().ToString());
    if (!table.ok()) continue;
    GROUPPOSE_CHECK(table->rows.size() == careful->size(), table->rows.size(), " and ", careful->size());
    for (size_t i = 0; i < careful->size(); ++i) CheckRow(table->rows[i], table->stride, (*careful)[i]);
  }
  if (!careful.ok()) return CheckError(careful.status(), json);
  const std::string written = FormatDetections(*careful);
  const auto again = ParseDetections(written, kSource, read_options);
  GROUPPOSE_CHECK(again.ok() && FormatDetections(*again) == written, "not read as it was written: ", written);
}

void CheckAnnotationReader(const std::string& json) {
  ReadOptions read_options;
  read_options.num_keypoints = kKeypoints;
  const auto dataset = ParseDataset(json, kSource, read_options);
  if (!dataset.ok()) return CheckError(dataset.status(), json);
  const std::string written = FormatDataset(*dataset);
  const auto again = ParseDataset(written, kSource, read_options);
  GROUPPOSE_CHECK(again.ok() && FormatDataset(*again) == written, "not read as it was written: ", written);

  // every person found exactly
  EvaluatorOptions options;
  options.dataset = TwoKeypoints();
  options.details = true;
  std::vector<Detection> detections;
  for (const Annotation& annotation : dataset->annotations) {
    Detection detection;
    detection.image_id = annotation.image_id;
    detection.category_id = annotation.category_id;
    detection.keypoints = annotation.keypoints;
    detection.score = annotation.area.value_or(0);
    detections.push_back(detection);
  }
  // an annotation in an image that is not listed is no fault, a detection there is
  (void)Evaluate(*dataset, detections, options);
  (void)Evaluate(*dataset, {}, options);
}

}  // namespace eval
