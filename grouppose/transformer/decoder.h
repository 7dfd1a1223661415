// The decoder: instance and keypoint tokens look at each other (the attention scheme) and at the image (deformable
// cross-attention), and move their reference points layer by layer.
#ifndef GROUPPOSE_TRANSFORMER_DECODER_H_
#define GROUPPOSE_TRANSFORMER_DECODER_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "grouppose/attention/scheme.h"
#include "grouppose/nn/linear.h"
#include "grouppose/nn/mlp.h"
#include "grouppose/nn/module.h"
#include "grouppose/nn/module_list.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/transformer/deformable_attention.h"
#include "grouppose/transformer/feed_forward.h"
#include "grouppose/transformer/level_geometry.h"
#include "grouppose/transformer/options.h"

namespace grouppose {

// The heads of a model, one a decoder layer: classes of the instance token, offset (2) of the keypoint tokens.
using ClassHeads = nn::ModuleList<nn::Linear>;
using PoseHeads = nn::ModuleList<nn::Mlp>;

// The scheme's parameters ("within_attn.*", ...), "cross_attn.*", "norm1.*" and those of FeedForward.
class DecoderLayer : public nn::Module {
 public:
  explicit DecoderLayer(const TransformerOptions& options);

  //   tokens              [batch, N, K+1, hidden], the position term already added
  //   position            [batch, N, K+1, hidden], zero for the instance tokens; added again before cross-attention
  //   reference_points    as DeformableAttention takes them, N * (K+1) queries
  //   memory              [batch, size, hidden]; the level tensors as in DeformableAttention
  //   returns             the shape of tokens
  at::Tensor Forward(const at::Tensor& tokens, const at::Tensor& position, const at::Tensor& reference_points,
                     const at::Tensor& memory, const at::Tensor& spatial_shapes, const at::Tensor& level_start_index,
                     const at::Tensor& padding_mask) const;

 private:
  double dropout_;
  AttentionScheme* scheme_;
  DeformableAttention* cross_attn_;
  nn::LayerNorm* norm1_;
  FeedForward* feed_forward_;
};

// One entry a layer.
struct DecoderOutputs {
  // What the heads of the layer see, [batch, N, K+1, hidden]. The official layer adds its position term in place, so of
  // every layer but the last it is the layer's output *plus the next layer's position term*.
  std::vector<at::Tensor> tokens;
  // The points that the layer started from, [batch, N, K+1, 2] in [0, 1], the centre of the pose first. Differentiable
  // in the pose head of the layer before it ("look forward twice", Zhang et al. 2022, "DINO").
  std::vector<at::Tensor> reference_points;
};

// Layer i is named "layers.i"; "half_pose_ref_point_head.*" makes the position term; the heads are listed as
// "class_embed.*" and "pose_embed.*" but belong to the model.
class Decoder : public nn::Module {
 public:
  Decoder(const TransformerOptions& options, ClassHeads* class_heads, PoseHeads* pose_heads);

  //   tokens             [batch, N, K+1, hidden]
  //   reference_points   [batch, N, K+1, 2] in [0, 1], detached
  DecoderOutputs Forward(const at::Tensor& tokens, const at::Tensor& reference_points, const at::Tensor& memory,
                         const LevelGeometry& geometry) const;

  // What a layer that starts from `reference_points` adds to its tokens, [batch, N, K+1, hidden]; zero for the instance
  // tokens.
  at::Tensor PositionTerm(const at::Tensor& reference_points, const LevelGeometry& geometry) const;

 private:
  TransformerOptions options_;
  nn::ModuleList<DecoderLayer>* layers_;
  nn::Mlp* half_pose_ref_point_head_;
  PoseHeads* pose_heads_;
};

// `points` [batch, N, K, 2] in (0, 1) with their mean in front: [batch, N, K+1, 2].
at::Tensor WithCentre(const at::Tensor& points);

// The keypoint tokens of [batch, N, K+1, ...], contiguous: [batch, N, K, ...].
at::Tensor KeypointTokens(const at::Tensor& tokens);

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_DECODER_H_
