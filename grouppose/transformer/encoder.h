// The encoder: deformable self-attention over the flattened feature levels.
#ifndef GROUPPOSE_TRANSFORMER_ENCODER_H_
#define GROUPPOSE_TRANSFORMER_ENCODER_H_

#include <ATen/core/Tensor.h>

#include "grouppose/nn/module.h"
#include "grouppose/nn/module_list.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/transformer/deformable_attention.h"
#include "grouppose/transformer/feed_forward.h"
#include "grouppose/transformer/level_geometry.h"
#include "grouppose/transformer/options.h"

namespace grouppose {

// Parameters "self_attn.*", "norm1.*" and those of FeedForward.
class EncoderLayer : public nn::Module {
 public:
  explicit EncoderLayer(const TransformerOptions& options);

  //   memory              [batch, size, hidden]
  //   position            [1 or batch, size, hidden], added to the queries alone
  //   reference_points    [1 or batch, size, 1 or levels, 2]
  // The level tensors as in DeformableAttention.
  at::Tensor Forward(const at::Tensor& memory, const at::Tensor& position, const at::Tensor& reference_points,
                     const at::Tensor& spatial_shapes, const at::Tensor& level_start_index,
                     const at::Tensor& padding_mask) const;

 private:
  double dropout_;
  DeformableAttention* self_attn_;
  nn::LayerNorm* norm1_;
  FeedForward* feed_forward_;
};

// Layer i is named "layers.i".
class Encoder : public nn::Module {
 public:
  explicit Encoder(const TransformerOptions& options);

  // `position` with the level embedding; `memory` as EncoderLayer takes it.
  at::Tensor Forward(const at::Tensor& memory, const at::Tensor& position, const LevelGeometry& geometry) const;

 private:
  nn::ModuleList<EncoderLayer>* layers_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_ENCODER_H_
