// The padding mask of a feature level.
#ifndef GROUPPOSE_BACKBONE_LEVEL_MASK_H_
#define GROUPPOSE_BACKBONE_LEVEL_MASK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace grouppose {

// Nearest-neighbour resizing as torch's interpolate: pixel i of `height` reads row floor(i * H / height).
//   padding_mask [batch, H, W] bool -> [batch, height, width] bool
at::Tensor LevelMask(const at::Tensor& padding_mask, int64_t height, int64_t width);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_LEVEL_MASK_H_
