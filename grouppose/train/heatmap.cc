#include "grouppose/train/heatmap.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "base/check.h"

namespace grouppose::train {
namespace {

// Takes max(map, Gaussian of one cell around (x, y)) within three cells, beyond which it is below 0.012.
void DrawPeak(float* map, int64_t height, int64_t width, double x, double y) {
  constexpr int64_t kReach = 3;
  const int64_t column = std::lround(x), row = std::lround(y);
  for (int64_t i = std::max<int64_t>(row - kReach, 0); i <= std::min(row + kReach, height - 1); ++i) {
    for (int64_t j = std::max<int64_t>(column - kReach, 0); j <= std::min(column + kReach, width - 1); ++j) {
      const double distance = (i - y) * (i - y) + (j - x) * (j - x);
      map[i * width + j] = std::max(map[i * width + j], static_cast<float>(std::exp(-distance / 2)));
    }
  }
}

}  // namespace

HeatmapHead::HeatmapHead(const std::vector<int64_t>& channels, int64_t num_keypoints) {
  for (size_t level = 0; level < channels.size(); ++level) {
    nn::Conv2dOptions options;
    options.in = channels[level];
    options.out = num_keypoints + 1;
    // a joint is rare: start from a probability of one per cent, as focal loss does (Lin et al. 2017, section 3.3)
    options.bias_init = nn::Init::Constant(-std::log((1 - 0.01) / 0.01));
    convolutions_.push_back(Add(std::to_string(level), std::make_unique<nn::Conv2d>(options)));
  }
}

std::vector<at::Tensor> HeatmapHead::Forward(const std::vector<at::Tensor>& features) const {
  GROUPPOSE_CHECK(features.size() == convolutions_.size(), "levels: ", features.size(), " features, ",
                  convolutions_.size(), " convolutions");
  std::vector<at::Tensor> logits;
  for (size_t level = 0; level < features.size(); ++level) {
    logits.push_back(convolutions_[level]->Forward(features[level]));
  }
  return logits;
}

at::Tensor HeatmapTargets(const Targets& targets, int64_t num_keypoints, int64_t height, int64_t width) {
  const int64_t channels = num_keypoints + 1, plane = height * width;
  at::Tensor maps = at::zeros({static_cast<int64_t>(targets.size()), channels, height, width});
  float* out = maps.mutable_data_ptr<float>();
  for (size_t image = 0; image < targets.size(); ++image) {
    const at::Tensor keypoints = targets[image].keypoints.contiguous(), boxes = targets[image].boxes.contiguous();
    GROUPPOSE_CHECK(keypoints.size(1) == 3 * num_keypoints, "keypoints are ", keypoints.sizes(), ", K is ",
                    num_keypoints);
    const float *joint = keypoints.const_data_ptr<float>(), *box = boxes.const_data_ptr<float>();
    float* map = out + static_cast<int64_t>(image) * channels * plane;
    for (int64_t person = 0; person < keypoints.size(0); ++person, joint += 3 * num_keypoints, box += 4) {
      for (int64_t k = 0; k < num_keypoints; ++k) {
        if (joint[2 * num_keypoints + k] <= 0) continue;
        // the middle of a cell is at half
        DrawPeak(map + k * plane, height, width, joint[2 * k] * width - 0.5, joint[2 * k + 1] * height - 0.5);
      }
      DrawPeak(map + num_keypoints * plane, height, width, box[0] * width - 0.5, box[1] * height - 0.5);
    }
  }
  return maps;
}

at::Tensor HeatmapLoss(const std::vector<at::Tensor>& logits, const Targets& targets, int64_t num_keypoints,
                       double positive_weight) {
  at::Tensor total;
  for (const at::Tensor& level : logits) {
    const at::Tensor target = HeatmapTargets(targets, num_keypoints, level.size(2), level.size(3));
    const at::Tensor weight = at::add(at::mul(target, positive_weight), 1);
    const at::Tensor loss = at::binary_cross_entropy_with_logits(level, target, weight);
    total = total.defined() ? at::add(total, loss) : loss;
  }
  return total;
}

}  // namespace grouppose::train
