#include "grouppose/backbone/level_mask.h"

#include <ATen/ops/upsample_nearest2d.h>

#include "base/check.h"

namespace grouppose {

at::Tensor LevelMask(const at::Tensor& padding_mask, int64_t height, int64_t width) {
  GROUPPOSE_CHECK(padding_mask.dim() == 3, "the mask is [batch, height, width], got ", padding_mask.sizes());
  return at::upsample_nearest2d(padding_mask.to(at::kFloat).unsqueeze(0), {height, width}).to(at::kBool).squeeze(0);
}

}  // namespace grouppose
