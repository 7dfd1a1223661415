#include "grouppose/model/group_pose.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include <string>

#include "base/check.h"
#include "grouppose/backbone/level_mask.h"
#include "grouppose/nn/inverse_sigmoid.h"

namespace grouppose {
namespace {

// 32 groups as published, or fewer where the hidden size does not divide by it.
int64_t ProjectionGroups(int64_t hidden_dim) {
  for (int64_t groups : {32, 16, 8}) {
    if (hidden_dim % groups == 0) return groups;
  }
  GROUPPOSE_CHECK(false, "hidden size ", hidden_dim, " is no multiple of 8");
  return 0;
}

// sigmoid(1): the official model predicts this as the visibility of every joint.
constexpr double kVisibility = 0.7310585786300049;

}  // namespace

GroupPose::GroupPose(const GroupPoseOptions& options) : options_(options) {
  const TransformerOptions& transformer = options.transformer;
  // the heads come first: of their two official names the short one counts
  if (transformer.decoder_layers > 0) {
    class_heads_ = Add("class_embed", std::make_unique<ClassHeads>());
    pose_heads_ = Add("pose_embed", std::make_unique<PoseHeads>());
  }
  nn::MlpOptions pose;
  pose.in = pose.hidden = transformer.hidden_dim;
  pose.out = 2;
  pose.num_layers = 3;
  pose.zero_last = true;
  for (int64_t i = 0; i < transformer.decoder_layers; ++i) {
    if (i > 0 && transformer.share_class_heads) {
      class_heads_->AppendAgain(&(*class_heads_)[0]);
    } else {
      class_heads_->Append(MakeClassHead(transformer));
    }
    if (i > 0 && transformer.share_pose_heads) {
      pose_heads_->AppendAgain(&(*pose_heads_)[0]);
    } else {
      pose_heads_->Append(std::make_unique<nn::Mlp>(pose));
    }
  }
  backbone_ = Add("backbone.0", MakeBackbone(options.backbone));
  AddProjections();
  transformer_ = Add("transformer", std::make_unique<Transformer>(transformer, class_heads_, pose_heads_));
}

void GroupPose::AddProjections() {
  const std::vector<int64_t> channels = backbone_->channels();
  const int64_t hidden = options_.transformer.hidden_dim, levels = options_.transformer.num_levels;
  GROUPPOSE_CHECK(levels >= static_cast<int64_t>(channels.size()), levels, " levels, the backbone has ",
                  channels.size());
  for (int64_t level = 0; level < levels; ++level) {
    nn::Conv2dOptions convolution;
    convolution.out = hidden;
    convolution.weight_init = nn::Init::XavierUniform();
    if (level < static_cast<int64_t>(channels.size())) {
      convolution.in = channels[level];
    } else {
      // the first further level reads the backbone's last one, the next ones read the level before them
      convolution.in = level == static_cast<int64_t>(channels.size()) ? channels.back() : hidden;
      convolution.kernel = 3;
      convolution.stride = 2;
      convolution.padding = 1;
    }
    const std::string name = "input_proj." + std::to_string(level);
    projections_.push_back({Add(name + ".0", std::make_unique<nn::Conv2d>(convolution)),
                            Add(name + ".1", std::make_unique<nn::GroupNorm>(ProjectionGroups(hidden), hidden))});
  }
}

std::vector<at::Tensor> GroupPose::Project(const std::vector<at::Tensor>& features) const {
  std::vector<at::Tensor> levels;
  for (size_t level = 0; level < projections_.size(); ++level) {
    const at::Tensor& input = level < features.size()    ? features[level]
                              : level == features.size() ? features.back()
                                                         : levels.back();
    levels.push_back(projections_[level].norm->Forward(projections_[level].convolution->Forward(input)));
  }
  return levels;
}

std::vector<at::Tensor> GroupPose::LevelMasks(const at::Tensor& padding_mask,
                                              const std::vector<at::Tensor>& levels) const {
  std::vector<at::Tensor> masks;
  if (!padding_mask.defined() || !padding_mask.any().item<bool>()) return masks;
  for (const at::Tensor& level : levels) masks.push_back(LevelMask(padding_mask, level.size(2), level.size(3)));
  return masks;
}

PosePrediction GroupPose::Predict(const DecoderOutputs& decoded, int64_t layer) const {
  const at::Tensor& tokens = decoded.tokens[layer];
  const at::Tensor offsets = (*pose_heads_)[layer].Forward(KeypointTokens(tokens));
  const at::Tensor points = nn::InverseSigmoid(KeypointTokens(decoded.reference_points[layer])) + offsets;
  const at::Tensor visibility =
      at::full({points.size(0), points.size(1), points.size(2)}, kVisibility, points.options());
  return {(*class_heads_)[layer].Forward(tokens.select(2, 0).contiguous()),
          at::cat({points.sigmoid().flatten(2), visibility}, 2)};
}

ModelOutputs GroupPose::Forward(const at::Tensor& images, const at::Tensor& padding_mask) {
  GROUPPOSE_CHECK(images.dim() == 4 && images.size(1) == 3, "images are [batch, 3, height, width], got ",
                  images.sizes());
  const std::vector<at::Tensor> levels = Project(Features(images));
  const Memory memory = transformer_->Encode(levels, LevelMasks(padding_mask, levels));
  const SelectedQueries selected = transformer_->Select(memory);

  ModelOutputs outputs;
  outputs.intermediate = {selected.logits, selected.pose.flatten(2)};
  const int64_t layers = options_.transformer.decoder_layers;
  if (layers == 0) return outputs;

  const DecoderOutputs decoded = transformer_->Decode(memory, selected);
  for (int64_t i = 0; i + 1 < layers; ++i) outputs.auxiliary.push_back(Predict(decoded, i));
  outputs.final = Predict(decoded, layers - 1);
  return outputs;
}

}  // namespace grouppose
