#include "grouppose/transformer/encoder.h"

#include <ATen/TensorOperators.h>

#include <memory>

#include "grouppose/nn/dropout.h"

namespace grouppose {

EncoderLayer::EncoderLayer(const TransformerOptions& options)
    : dropout_(options.dropout),
      self_attn_(
          Add("self_attn", std::make_unique<DeformableAttention>(DeformableAttentionOptions{
                               options.hidden_dim, options.num_heads, options.num_levels, options.encoder_points}))),
      norm1_(Add("norm1", std::make_unique<nn::LayerNorm>(options.hidden_dim))),
      feed_forward_(Add("", std::make_unique<FeedForward>(options.hidden_dim, options.feedforward_dim, options.dropout,
                                                          options.activation))) {}

at::Tensor EncoderLayer::Forward(const at::Tensor& memory, const at::Tensor& position,
                                 const at::Tensor& reference_points, const at::Tensor& spatial_shapes,
                                 const at::Tensor& level_start_index, const at::Tensor& padding_mask) const {
  const at::Tensor attended =
      self_attn_->Forward(memory + position, reference_points, memory, spatial_shapes, level_start_index, padding_mask);
  return feed_forward_->Forward(norm1_->Forward(memory + nn::Dropout(attended, dropout_, training())));
}

Encoder::Encoder(const TransformerOptions& options)
    : layers_(Add("layers", std::make_unique<nn::ModuleList<EncoderLayer>>())) {
  for (int64_t i = 0; i < options.encoder_layers; ++i) layers_->Append(std::make_unique<EncoderLayer>(options));
}

at::Tensor Encoder::Forward(const at::Tensor& memory, const at::Tensor& position, const LevelGeometry& geometry) const {
  at::Tensor x = memory;
  for (int64_t i = 0; i < layers_->size(); ++i) {
    x = (*layers_)[i].Forward(x, position, geometry.reference_points, geometry.spatial_shapes,
                              geometry.level_start_index, geometry.padding_mask);
  }
  return x;
}

}  // namespace grouppose
