#include "eval/detection_table.h"

namespace eval {

DetectionTable TableOf(const std::vector<Detection>& detections) {
  DetectionTable table;
  table.stride = 3;
  table.rows.reserve(detections.size());
  for (const Detection& detection : detections) {
    DetectionRow row = {detection.image_id, detection.category_id, detection.score, 0, detection.keypoints.data()};
    if (detection.bbox.has_value()) {
      row.has_bbox = true;
      row.bbox_area = (*detection.bbox)[2] * (*detection.bbox)[3];
    }
    table.rows.push_back(row);
  }
  return table;
}

}  // namespace eval
