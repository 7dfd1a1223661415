// Poses on pictures.
//
//   DrawPoses(eval::Coco(), detections_of_one_image, &image);
#ifndef GROUPPOSE_DATA_POSE_DRAWING_H_
#define GROUPPOSE_DATA_POSE_DRAWING_H_

#include <vector>

#include "eval/keypoint_dataset.h"
#include "grouppose/data/sample.h"

namespace grouppose {

// One person: x, y, v of each of the description's keypoints, pixels of the picture. A keypoint with v = 0 is not
// drawn, nor one that is not finite, nor a limb that ends at one of these.
using DrawnKeypoints = std::vector<double>;

// Limbs as lines and keypoints as discs, a colour for each person (Okabe and Ito's, which all eyes tell apart, in
// turns), with a dark edge, as thick as the person is tall. The first pose ends on top. Anti-aliased; the same input
// gives the same pixels.
void DrawPoses(const eval::KeypointDataset& description, const std::vector<DrawnKeypoints>& poses, Image* image);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_POSE_DRAWING_H_
