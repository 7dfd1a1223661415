// Pretraining of a backbone on dense heatmaps: where is each kind of joint, and where is a person's centre?
//
// It stands where ImageNet stands in the paper: without it a tiny model does not learn poses in minutes. No decoder
// takes part, so the variants of a study can share it.
#ifndef GROUPPOSE_TRAIN_HEATMAP_H_
#define GROUPPOSE_TRAIN_HEATMAP_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "grouppose/data/targets.h"
#include "grouppose/nn/convolution.h"
#include "grouppose/nn/module.h"

namespace grouppose::train {

// One 1x1 convolution a level, to K joints and the centre. Thrown away after the pretraining.
class HeatmapHead : public nn::Module {
 public:
  HeatmapHead(const std::vector<int64_t>& channels, int64_t num_keypoints);

  // features: one level each, [batch, channels, height, width] -> logits [batch, K+1, height, width].
  std::vector<at::Tensor> Forward(const std::vector<at::Tensor>& features) const;

 private:
  std::vector<nn::Conv2d*> convolutions_;
};

// [images, K+1, height, width] float32: for each labelled joint (v > 0) a Gaussian of one cell around its place, the
// largest where several meet; last channel the centres of the persons' boxes. Coordinates of `targets` are normalised,
// so an unpadded square image is assumed.
at::Tensor HeatmapTargets(const Targets& targets, int64_t num_keypoints, int64_t height, int64_t width);

// Sum over levels of the mean of binary cross-entropy times (1 + positive_weight * target).
at::Tensor HeatmapLoss(const std::vector<at::Tensor>& logits, const Targets& targets, int64_t num_keypoints,
                       double positive_weight);

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_HEATMAP_H_
