#include "grouppose/model/postprocess.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/topk.h>

#include <tuple>

#include "base/check.h"

namespace grouppose {

std::vector<ImagePoses> PostProcess(const PosePrediction& prediction, const at::Tensor& image_sizes,
                                    int64_t num_select) {
  const at::NoGradGuard no_grad;
  const at::Tensor& logits = prediction.logits;
  const at::Tensor& keypoints = prediction.keypoints;
  const int64_t batch = logits.size(0), classes = logits.size(2), num_keypoints = keypoints.size(2) / 3;
  GROUPPOSE_CHECK(image_sizes.dim() == 2 && image_sizes.size(0) == batch && image_sizes.size(1) == 2,
                  "image sizes are [", batch, ", 2], got ", image_sizes.sizes());
  GROUPPOSE_CHECK(num_select <= logits.size(1) * classes, num_select, " poses asked of ", logits.size(1), " x ",
                  classes);

  const auto [scores, places] = at::topk(logits.sigmoid().flatten(1), num_select, 1);
  const at::Tensor labels = places.remainder(classes), instances = places.floor_divide(classes);
  // (width, height) in front of x y x y ...
  const at::Tensor extent = image_sizes.flip(1).to(keypoints.options()).unsqueeze(1);

  std::vector<ImagePoses> poses;
  for (int64_t i = 0; i < batch; ++i) {
    const at::Tensor chosen = keypoints[i].index_select(0, instances[i]);
    const at::Tensor points = chosen.narrow(1, 0, 2 * num_keypoints).view({num_select, num_keypoints, 2}) * extent[i];
    const at::Tensor visibility = chosen.narrow(1, 2 * num_keypoints, num_keypoints).unsqueeze(2);
    poses.push_back({scores[i], labels[i], at::cat({points, visibility}, 2).flatten(1)});
  }
  return poses;
}

}  // namespace grouppose
