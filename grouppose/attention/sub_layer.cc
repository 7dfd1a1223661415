#include "grouppose/attention/sub_layer.h"

#include <memory>

#include "grouppose/nn/dropout.h"

namespace grouppose {

AttentionSubLayer::AttentionSubLayer(const std::string& name, const AttentionSchemeOptions& options)
    : dropout_(options.dropout),
      attention_(Add(name + "_attn", std::make_unique<nn::MultiheadAttention>(nn::MultiheadAttentionOptions{
                                         options.hidden_dim, options.num_heads, options.dropout}))),
      norm_(Add(name + "_norm", std::make_unique<nn::LayerNorm>(options.hidden_dim))) {}

at::Tensor AttentionSubLayer::Forward(const at::Tensor& tokens, int64_t along) const {
  return norm_->Forward(tokens.add(nn::Dropout(attention_->SelfAttention(tokens, along), dropout_, training())));
}

at::Tensor AttentionSubLayer::ForwardOverAll(const at::Tensor& tokens) const {
  return Forward(tokens.flatten(1, 2), 1).view(tokens.sizes());
}

}  // namespace grouppose
