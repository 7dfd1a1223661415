// Detections as evaluation wants them: one row each with what decides about it, and the coordinates of its keypoints
// somewhere else.
#ifndef EVAL_DETECTION_TABLE_H_
#define EVAL_DETECTION_TABLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "eval/annotations.h"

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
};

// A table over detections that outlive it.
DetectionTable TableOf(const std::vector<Detection>& detections);

}  // namespace eval

#endif  // EVAL_DETECTION_TABLE_H_
