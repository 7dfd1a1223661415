// From transformed samples to what the model sees.
#ifndef GROUPPOSE_DATA_MAKE_BATCH_H_
#define GROUPPOSE_DATA_MAKE_BATCH_H_

#include <vector>

#include "grouppose/data/batch.h"
#include "grouppose/data/sample.h"

namespace grouppose {

// Images are normalised by ImageNet's mean and deviation and padded right and below with zeros to the largest height
// and the largest width among them. All persons of a sample have the same number of joints, `num_keypoints`.
Batch MakeBatch(const std::vector<Sample>& samples, int num_keypoints);

// The persons of one image; its own size is what coordinates are divided by.
ImageTargets MakeTargets(const Sample& sample, int num_keypoints);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_MAKE_BATCH_H_
