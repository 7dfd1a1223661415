// What the schemes are made of: attention along one dimension of the tokens, residual, dropout and post-norm.
//
//   class Within : public AttentionScheme {
//    public:
//     explicit Within(const AttentionSchemeOptions& options)
//         : within_(Add("", std::make_unique<AttentionSubLayer>("within", options))) {}
//     at::Tensor Forward(const at::Tensor& tokens) override { return within_->Forward(tokens, kWithinInstance); }
#ifndef GROUPPOSE_ATTENTION_SUB_LAYER_H_
#define GROUPPOSE_ATTENTION_SUB_LAYER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "grouppose/attention/scheme.h"
#include "grouppose/nn/multihead_attention.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {

// The dimensions of tokens [batch, N, K+1, hidden] that attention may run along.
inline constexpr int64_t kAcrossInstances = 1, kWithinInstance = 2;

// Parameters "NAME_attn.*" (as torch.nn.MultiheadAttention) and "NAME_norm.*". Added under the empty name, so that they
// lie directly under the decoder layer; schemes that use one NAME share the initial values of a seed.
class AttentionSubLayer : public nn::Module {
 public:
  AttentionSubLayer(const std::string& name, const AttentionSchemeOptions& options);

  // norm(tokens + dropout(attention(tokens))), attention among the tokens that share all indices but the one `along`.
  at::Tensor Forward(const at::Tensor& tokens, int64_t along) const;
  // The same over all N(K+1) tokens of an image.
  at::Tensor ForwardOverAll(const at::Tensor& tokens) const;

 private:
  double dropout_;
  nn::MultiheadAttention* attention_;
  nn::LayerNorm* norm_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_ATTENTION_SUB_LAYER_H_
