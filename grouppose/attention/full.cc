// FULL: one self-attention over all N(K+1) tokens of an image, the plain alternative to grouping.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/nn/dropout.h"
#include "grouppose/nn/multihead_attention.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {
namespace {

class FullAttention : public AttentionScheme {
 public:
  explicit FullAttention(const AttentionSchemeOptions& options)
      : options_(options),
        attention_(Add("full_attn", std::make_unique<nn::MultiheadAttention>(nn::MultiheadAttentionOptions{
                                        options.hidden_dim, options.num_heads, options.dropout}))),
        norm_(Add("full_norm", std::make_unique<nn::LayerNorm>(options.hidden_dim))) {}

  at::Tensor Forward(const at::Tensor& tokens) override {
    const at::Tensor all = tokens.flatten(1, 2);
    const at::Tensor attended = nn::Dropout(attention_->SelfAttention(all, 1), options_.dropout, training());
    return norm_->Forward(all.add(attended)).view(tokens.sizes());
  }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t tokens = num_instances * (num_keypoints + 1);
    return tokens * tokens;
  }

 private:
  AttentionSchemeOptions options_;
  nn::MultiheadAttention* attention_;
  nn::LayerNorm* norm_;
};

const AttentionSchemeRegistrar kRegistrar("FULL", [](const AttentionSchemeOptions& options) {
  return std::unique_ptr<AttentionScheme>(std::make_unique<FullAttention>(options));
});

}  // namespace
}  // namespace grouppose
