// From a model's prediction to the poses of each image.
#ifndef GROUPPOSE_MODEL_POSTPROCESS_H_
#define GROUPPOSE_MODEL_POSTPROCESS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "grouppose/model/outputs.h"

namespace grouppose {

// Sorted by falling score.
struct ImagePoses {
  at::Tensor scores;     // [poses] in (0, 1)
  at::Tensor labels;     // [poses] int64; a person is 1
  at::Tensor keypoints;  // [poses, 3K]: x1 y1 v1 x2 y2 v2 ... in pixels of the original image, not clipped
};

// The `num_select` best of all (instance, class) scores of each image: an instance can appear once a class.
//   image_sizes [batch, 2] (height, width) of the original images, any number type
std::vector<ImagePoses> PostProcess(const PosePrediction& prediction, const at::Tensor& image_sizes,
                                    int64_t num_select);

}  // namespace grouppose

#endif  // GROUPPOSE_MODEL_POSTPROCESS_H_
