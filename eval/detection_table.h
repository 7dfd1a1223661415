// Detections as evaluation wants them: one row each with what decides about it, and the coordinates of its keypoints
// somewhere else.
#ifndef EVAL_DETECTION_TABLE_H_
#define EVAL_DETECTION_TABLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "eval/annotations.h"
#include "eval/quirks.h"

namespace eval {

struct DetectionRow {
  int64_t image_id = 0, category_id = 1;
  double score = 0;
  double bbox_area = 0;  // width * height, square pixels; 0 without a box
  // x of keypoint k at [stride * k], y behind it; pixels.
  const double* keypoints = nullptr;
  bool has_bbox = false;
};

// In the order of the file.
struct DetectionTable {
  std::vector<DetectionRow> rows;
  int stride = 2;
  // What the rows' keypoints point into; empty where that belongs to somebody else.
  std::vector<std::shared_ptr<double[]>> storage;

  // x, and y behind it.
  const double* Keypoint(int row, int k) const { return rows[row].keypoints + stride * k; }
};

// A table over detections that outlive it.
DetectionTable TableOf(const std::vector<Detection>& detections);

// Width times height of the smallest box around the keypoints, square pixels; NaN where a coordinate is NaN.
double AreaOfExtents(const DetectionRow& row, int stride, int num_keypoints);

// The area by which a detection is medium or large: of its box, or of its keypoints where it has none. By
// Quirks::first_detection_decides_about_boxes the first of the table says which for all.
double AreaOfDetection(const DetectionTable& table, int row, int num_keypoints, const Quirks& quirks);

}  // namespace eval

#endif  // EVAL_DETECTION_TABLE_H_
