// Backbones: an image becomes feature levels.
#ifndef GROUPPOSE_BACKBONE_BACKBONE_H_
#define GROUPPOSE_BACKBONE_BACKBONE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
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

// ResNet-50 v1.5 (He et al. 2016; the stride lies in the 3x3 convolution) with frozen batch norm.
struct ResNet50Options {
  // Stages (C2 to C5, strides 4, 8, 16, 32) that become levels, ascending.
  std::vector<int64_t> output_stages = {1, 2, 3};
  // The last stage keeps the resolution of the one before it; what its 3x3 convolutions skip makes up for the stride.
  bool dilation = false;
};

// For images of 64 pixels and minutes of training: a 3x3 stem of stride 2, then stages of basic blocks of stride 2 with
// group norm. All of it is trained. One level a stage: strides 4, 8, 16.
struct SmallResNetOptions {
  int64_t stem_channels = 16;
  std::vector<int64_t> stage_channels = {32, 64, 96};
  int64_t blocks_per_stage = 2;
  int64_t groups = 8;
};

// Swin Transformer (Liu et al. 2021, "Swin Transformer: hierarchical vision transformer using shifted windows"). The
// names are the official code's; the numbers say the images, and 1k or 22k the ImageNet, of the published weights.
struct SwinOptions {
  enum class Variant { kT224In1k, kB224In22k, kB384In22k, kL224In22k, kL384In22k };
  Variant variant = Variant::kT224In1k;
  // Stages (strides 4, 8, 16, 32) that become levels, ascending.
  std::vector<int64_t> output_stages = {1, 2, 3};
  // The last stage keeps the resolution and the channels of the one before it.
  bool dilation = false;
  // Of the last block; linear in the block, 0 at the first one. The official training has 0.2 for every variant.
  double drop_path_rate = 0.2;
  // Blocks keep only their input and are computed again in the backward pass.
  bool gradient_checkpointing = false;
  // Parameters that contain one of these in their name (without "backbone.0.") are not trained.
  std::vector<std::string> freeze_keywords;
};

using BackboneOptions = std::variant<ResNet50Options, SmallResNetOptions, SwinOptions>;

// Named as the official tree has them below "backbone.0": "body.*", or a Swin's "patch_embed.*", "layers.*", "norm*".
std::unique_ptr<Backbone> MakeBackbone(const BackboneOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_BACKBONE_H_
