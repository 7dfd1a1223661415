// What a model is trained towards: the persons of one image.
#ifndef GROUPPOSE_DATA_TARGETS_H_
#define GROUPPOSE_DATA_TARGETS_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace grouppose {

// All coordinates are normalised by the (unpadded) image's width and height.
struct ImageTargets {
  at::Tensor labels;     // [persons] int64; a person is label 1
  at::Tensor boxes;      // [persons, 4] float32: centre x, centre y, width, height
  at::Tensor keypoints;  // [persons, 3K] float32: x1 y1 x2 y2 ... xK yK, then K of 0 (not labelled) or 1 (labelled)
  at::Tensor area;       // [persons] float32: annotated area divided by width * height
};

using Targets = std::vector<ImageTargets>;  // one an image of the batch

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_TARGETS_H_
