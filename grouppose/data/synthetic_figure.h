// The articulated figure behind the synthetic people: where its joints are.
#ifndef GROUPPOSE_DATA_SYNTHETIC_FIGURE_H_
#define GROUPPOSE_DATA_SYNTHETIC_FIGURE_H_

#include <array>
#include <opencv2/core/types.hpp>

#include "base/random.h"
#include "grouppose/data/synthetic_people.h"

namespace grouppose::synthetic {

// COCO's joints, in COCO's order.
enum Joint : int {
  kNose,
  kLeftEye,
  kRightEye,
  kLeftEar,
  kRightEar,
  kLeftShoulder,
  kRightShoulder,
  kLeftElbow,
  kRightElbow,
  kLeftWrist,
  kRightWrist,
  kLeftHip,
  kRightHip,
  kLeftKnee,
  kRightKnee,
  kLeftAnkle,
  kRightAnkle,
  kJoints
};

struct Figure {
  std::array<cv::Point2d, kJoints> joints;
  cv::Point2d head;     // centre of the skull
  cv::Point2d head_up;  // unit vector from neck to crown
  double height = 1;    // of the body when it stands upright
  bool facing_front = true;

  double head_radius() const { return kHeadRadius * height; }
  // Half as large again as people's heads are: eyes and nose of a 32-pixel person must stay apart.
  static constexpr double kHeadRadius = 0.07;
};

// A pose in units of the body's height; y points down, the middle of the hips is the origin.
Figure DrawPose(const SyntheticPeopleOptions& options, base::RandomStream* random);

// The same pose `height` tall with the middle of its hips at `hips`.
Figure Place(const Figure& pose, double height, const cv::Point2d& hips);

}  // namespace grouppose::synthetic

#endif  // GROUPPOSE_DATA_SYNTHETIC_FIGURE_H_
