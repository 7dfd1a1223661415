// Backbones: an image becomes feature levels.
#ifndef GROUPPOSE_BACKBONE_BACKBONE_H_
#define GROUPPOSE_BACKBONE_BACKBONE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "grouppose/nn/module.h"

namespace grouppose {

class Backbone : public nn::Module {
 public:
  // images [batch, 3, height, width], ImageNet-normalised -> one [batch, channels, height', width'] a level, finest
  // first; height' = ceil(height / stride).
  virtual std::vector<at::Tensor> Forward(const at::Tensor& images) = 0;

  virtual std::vector<int64_t> channels() const = 0;  // of each level
  virtual std::vector<int64_t> strides() const = 0;
};

// ResNet-50 v1.5 (He et al. 2016; the stride lies in the 3x3 convolution) with frozen batch norm, levels C3, C4, C5.
struct ResNet50Options {};

// For images of 64 pixels and minutes of training: a 3x3 stem of stride 2, then stages of basic blocks of stride 2 with
// group norm. All of it is trained. One level a stage: strides 4, 8, 16.
struct SmallResNetOptions {
  int64_t stem_channels = 16;
  std::vector<int64_t> stage_channels = {32, 64, 96};
  int64_t blocks_per_stage = 2;
  int64_t groups = 8;
};

using BackboneOptions = std::variant<ResNet50Options, SmallResNetOptions>;

// Parameters "body.*", as the official tree has them below "backbone.0".
std::unique_ptr<Backbone> MakeBackbone(const BackboneOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_BACKBONE_H_
