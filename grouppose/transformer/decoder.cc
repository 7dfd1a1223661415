#include "grouppose/transformer/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>

#include <memory>

#include "base/check.h"
#include "grouppose/nn/dropout.h"
#include "grouppose/nn/inverse_sigmoid.h"
#include "grouppose/nn/position_encoding.h"

namespace grouppose {
namespace {

std::unique_ptr<AttentionScheme> MakeScheme(const TransformerOptions& options) {
  const auto factory = FindAttentionScheme(options.attention_scheme);
  GROUPPOSE_CHECK(factory.ok(), factory.status().ToString());
  return (*factory)({options.hidden_dim, options.num_heads, options.dropout});
}

// Reference points as cross-attention takes them: [batch, N * (K+1), 1 or levels, 2] in the padded plane of each level.
at::Tensor InPaddedPlanes(const at::Tensor& points, const LevelGeometry& geometry) {
  const at::Tensor flat = points.flatten(1, 2).unsqueeze(2);
  return geometry.valid_ratios.defined() ? flat * geometry.valid_ratios.unsqueeze(1) : flat;
}

}  // namespace

at::Tensor WithCentre(const at::Tensor& points) {
  return at::cat({points.mean(at::OptionalIntArrayRef(2), /*keepdim=*/true), points}, 2);
}

at::Tensor KeypointTokens(const at::Tensor& tokens) { return tokens.narrow(2, 1, tokens.size(2) - 1).contiguous(); }

DecoderLayer::DecoderLayer(const TransformerOptions& options)
    : dropout_(options.dropout),
      scheme_(Add("", MakeScheme(options))),
      cross_attn_(
          Add("cross_attn", std::make_unique<DeformableAttention>(DeformableAttentionOptions{
                                options.hidden_dim, options.num_heads, options.num_levels, options.decoder_points}))),
      norm1_(Add("norm1", std::make_unique<nn::LayerNorm>(options.hidden_dim))),
      feed_forward_(Add("", std::make_unique<FeedForward>(options.hidden_dim, options.feedforward_dim, options.dropout,
                                                          options.activation))) {}

at::Tensor DecoderLayer::Forward(const at::Tensor& tokens, const at::Tensor& position,
                                 const at::Tensor& reference_points, const at::Tensor& memory,
                                 const at::Tensor& spatial_shapes, const at::Tensor& level_start_index,
                                 const at::Tensor& padding_mask) const {
  // query and residual alike contain the position term
  const at::Tensor query = (scheme_->Forward(tokens) + position).flatten(1, 2);
  const at::Tensor attended =
      cross_attn_->Forward(query, reference_points, memory, spatial_shapes, level_start_index, padding_mask);
  return feed_forward_->Forward(norm1_->Forward(query + nn::Dropout(attended, dropout_, training())))
      .view(tokens.sizes());
}

Decoder::Decoder(const TransformerOptions& options, ClassHeads* class_heads, PoseHeads* pose_heads)
    : options_(options),
      layers_(Add("layers", std::make_unique<nn::ModuleList<DecoderLayer>>())),
      pose_heads_(pose_heads) {
  GROUPPOSE_CHECK(class_heads->size() == options.decoder_layers && pose_heads->size() == options.decoder_layers,
                  class_heads->size(), " class heads and ", pose_heads->size(), " pose heads for ",
                  options.decoder_layers, " layers");
  for (int64_t i = 0; i < options.decoder_layers; ++i) layers_->Append(std::make_unique<DecoderLayer>(options));
  nn::MlpOptions head;
  head.in = head.hidden = head.out = options.hidden_dim;
  head.num_layers = 2;
  head.xavier = true;
  half_pose_ref_point_head_ = Add("half_pose_ref_point_head", std::make_unique<nn::Mlp>(head));
  AddAlias("class_embed", class_heads);
  AddAlias("pose_embed", pose_heads);
}

at::Tensor Decoder::PositionTerm(const at::Tensor& reference_points, const LevelGeometry& geometry) const {
  at::Tensor points = KeypointTokens(reference_points);
  // in the padded plane of the finest level
  if (geometry.valid_ratios.defined()) points = points * geometry.valid_ratios.select(1, 0).unsqueeze(1).unsqueeze(1);
  const at::Tensor position =
      half_pose_ref_point_head_->Forward(nn::PointPositionEncoding(points, options_.hidden_dim));
  // nothing for the instance token
  return at::constant_pad_nd(position, {0, 0, 1, 0}, 0);
}

DecoderOutputs Decoder::Forward(const at::Tensor& tokens, const at::Tensor& reference_points, const at::Tensor& memory,
                                const LevelGeometry& geometry) const {
  DecoderOutputs outputs;
  at::Tensor x = tokens;
  outputs.reference_points.push_back(reference_points);
  for (int64_t i = 0; i < layers_->size(); ++i) {
    const at::Tensor points = outputs.reference_points.back().detach();
    const at::Tensor position = PositionTerm(points, geometry);
    x = x + position;
    if (i > 0) outputs.tokens.push_back(x);
    x = (*layers_)[i].Forward(x, position, InPaddedPlanes(points, geometry), memory, geometry.spatial_shapes,
                              geometry.level_start_index, geometry.padding_mask);
    if (i + 1 == layers_->size()) break;
    // refinement sees the clean output, and the points before it as constants
    const at::Tensor offsets = (*pose_heads_)[i].Forward(KeypointTokens(x));
    outputs.reference_points.push_back(WithCentre((nn::InverseSigmoid(KeypointTokens(points)) + offsets).sigmoid()));
  }
  outputs.tokens.push_back(x);
  return outputs;
}

}  // namespace grouppose
