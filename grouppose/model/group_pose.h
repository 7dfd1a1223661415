// The Group Pose model (Liu et al. 2023): an image becomes N poses with class scores.
//
//   GroupPoseOptions options;                       // the published ResNet-50 model
//   GroupPose model(options);
//   nn::Initialise(model, seed);                    // or load a checkpoint into model.StateDict()
//   ModelOutputs outputs = model.Forward(batch.images, batch.padding_mask);
//   std::vector<ImagePoses> poses = PostProcess(outputs.final, sizes, 50);
//
// The program also links one target of //grouppose/attention a scheme it wants to use. Parameter names are the official
// ones; the backbone's begin with "backbone.".
#ifndef GROUPPOSE_MODEL_GROUP_POSE_H_
#define GROUPPOSE_MODEL_GROUP_POSE_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <utility>
#include <vector>

#include "grouppose/backbone/backbone.h"
#include "grouppose/model/outputs.h"
#include "grouppose/nn/convolution.h"
#include "grouppose/nn/module.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/transformer/options.h"
#include "grouppose/transformer/transformer.h"

namespace grouppose {

struct GroupPoseOptions {
  BackboneOptions backbone = ResNet50Options{};
  TransformerOptions transformer;
};

class GroupPose : public nn::Module {
 public:
  explicit GroupPose(const GroupPoseOptions& options);

  //   images         [batch, 3, height, width], ImageNet-normalised, zero on padding
  //   padding_mask   [batch, height, width] bool, true on padding; undefined where nothing is padded
  // A model without decoder layers fills `intermediate` alone.
  ModelOutputs Forward(const at::Tensor& images, const at::Tensor& padding_mask);

  // Forward in its stages, for programs that train, test or measure one of them:
  //   Features -> Project -> transformer().Encode -> transformer().Select -> transformer().Decode -> Predict
  // The backbone's own levels, before projection; backbone().channels() and strides() describe them.
  std::vector<at::Tensor> Features(const at::Tensor& images) { return backbone_->Forward(images); }
  // Those levels with `hidden` channels, and the further coarse ones.
  std::vector<at::Tensor> Project(const std::vector<at::Tensor>& features) const;
  // One mask a level; empty where nothing is padded.
  std::vector<at::Tensor> LevelMasks(const at::Tensor& padding_mask, const std::vector<at::Tensor>& levels) const;
  // The heads of decoder layer `layer` on its tokens.
  PosePrediction Predict(const DecoderOutputs& decoded, int64_t layer) const;

  Backbone& backbone() { return *backbone_; }
  Transformer& transformer() { return *transformer_; }
  const GroupPoseOptions& options() const { return options_; }

 private:
  // A convolution and the group norm behind it: "0.weight", "0.bias", "1.weight", "1.bias".
  struct Projection {
    nn::Conv2d* convolution;
    nn::GroupNorm* norm;
  };

  void AddProjections();

  GroupPoseOptions options_;
  ClassHeads* class_heads_ = nullptr;
  PoseHeads* pose_heads_ = nullptr;
  std::vector<Projection> projections_;
  Backbone* backbone_ = nullptr;
  Transformer* transformer_ = nullptr;
};

}  // namespace grouppose

#endif  // GROUPPOSE_MODEL_GROUP_POSE_H_
