#include "eval/detection_table.h"

#include <cmath>

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

double AreaOfExtents(const DetectionRow& row, int stride, int num_keypoints) {
  double low[2], high[2];
  for (int axis = 0; axis < 2; ++axis) {
    low[axis] = high[axis] = row.keypoints[axis];
    for (int k = 0; k < num_keypoints; ++k) {
      // NaN wins, as in numpy's min and max
      const double value = row.keypoints[stride * k + axis];
      if (value < low[axis] || std::isnan(value)) low[axis] = value;
      if (value > high[axis] || std::isnan(value)) high[axis] = value;
      if (std::isnan(value)) break;
    }
  }
  return (high[0] - low[0]) * (high[1] - low[1]);
}

double AreaOfDetection(const DetectionTable& table, int row, int num_keypoints, const Quirks& quirks) {
  const DetectionRow& detection = table.rows[row];
  const bool by_box = quirks.first_detection_decides_about_boxes ? table.rows.front().has_bbox : detection.has_bbox;
  return by_box ? detection.bbox_area : AreaOfExtents(detection, table.stride, num_keypoints);
}

}  // namespace eval
