// A recorded station of the data pipeline: an image and its persons under one prefix.
//
//   PREFIX.image      [height, width, 3] bytes; [3, height, width] float32 where it is normalised
//   PREFIX.boxes      [persons, 4] left, top, right, bottom in pixels; normalised: centre x, centre y, width, height
//   PREFIX.keypoints  [persons, K, 3] x, y, v in pixels; normalised: [persons, 3K] as in ImageTargets
//   PREFIX.area, labels, iscrowd, image_id, orig_size, size
#ifndef GROUPPOSE_PARITY_RECORDED_SAMPLE_H_
#define GROUPPOSE_PARITY_RECORDED_SAMPLE_H_

#include <string>

#include "eval/keypoint_dataset.h"
#include "grouppose/data/sample.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"

namespace grouppose::parity {

// meta.K: COCO's description of 17 keypoints or CrowdPose's of 14. FixtureError for any other.
const eval::KeypointDataset& DescriptionOf(const Fixture& fixture);

// [height, width, 3] bytes.
at::Tensor ImageTensor(const Image& image);

Sample ReadSample(const Fixture& fixture, const std::string& prefix);

// What of it is recorded, in pixels. Coordinates may differ by `tolerance` (relative) of the longer side or of
// themselves, areas by that of its square or of themselves.
void CompareSample(const Fixture& fixture, const std::string& prefix, const Sample& sample, double tolerance,
                   Report* report);

// The normalised targets, and the normalised image where it is recorded; both may differ by `tolerance`.
void CompareNormalised(const Fixture& fixture, const std::string& prefix, const Sample& sample, double tolerance,
                       Report* report);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_RECORDED_SAMPLE_H_
