// What a model sees: images padded to one size.
#ifndef GROUPPOSE_DATA_BATCH_H_
#define GROUPPOSE_DATA_BATCH_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "grouppose/data/sample.h"
#include "grouppose/data/targets.h"

namespace grouppose {

struct Batch {
  at::Tensor images;        // [batch, 3, height, width] float32, ImageNet-normalised RGB, zero on padding
  at::Tensor padding_mask;  // [batch, height, width] bool, true on padding
  Targets targets;          // one an image; empty for evaluation data without annotations
  std::vector<int64_t> image_ids;
  std::vector<ImageSize> original_sizes;  // predictions are scaled back to these
};

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_BATCH_H_
