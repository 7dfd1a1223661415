// GROUP_MASKED: one softmax over the tokens of the same instance or the same type. See group_masked.md.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"
#include "grouppose/nn/dropout.h"
#include "grouppose/nn/multihead_attention.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {
namespace {

// Only allowed pairs are computed: K+1 scores within the instance and N across instances stand side by side in one
// softmax of K+1+N, where a mask over [N(K+1), N(K+1)] would compute N(K+1) and throw most of them away. A token's
// score with itself is in both parts; the second one is excluded.
class GroupMaskedAttention : public AttentionScheme {
 public:
  explicit GroupMaskedAttention(const AttentionSchemeOptions& options)
      : options_(options),
        attention_(Add("masked_attn", std::make_unique<nn::MultiheadAttention>(nn::MultiheadAttentionOptions{
                                          options.hidden_dim, options.num_heads, options.dropout}))),
        norm_(Add("masked_norm", std::make_unique<nn::LayerNorm>(options.hidden_dim))) {}

  at::Tensor Forward(const at::Tensor& tokens) override {
    const at::Tensor attended = nn::Dropout(attention_->Output(Attend(tokens)), options_.dropout, training());
    return norm_->Forward(tokens.add(attended));
  }

  // Every token with the K+1 of its instance and the other N-1 of its type.
  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t types = num_keypoints + 1;
    return num_instances * types * (types + num_instances - 1);
  }

 private:
  // [batch, N, K+1, hidden] -> the same shape, before the output projection.
  at::Tensor Attend(const at::Tensor& tokens) const {
    const int64_t instances = tokens.size(1), types = tokens.size(2);
    const nn::MultiheadAttention::Heads heads = attention_->Project(tokens);  // [batch, N, K+1, heads, channels]
    const double scale = 1 / std::sqrt(static_cast<double>(options_.hidden_dim / options_.num_heads));
    // [batch, N, heads, K+1, channels] for what stays in an instance, [batch, K+1, heads, N, channels] for a type
    const auto by_instance = [](const at::Tensor& x) { return x.permute({0, 1, 3, 2, 4}); };
    const auto by_type = [](const at::Tensor& x) { return x.permute({0, 2, 3, 1, 4}); };
    const at::Tensor queries = heads.queries * scale;
    const at::Tensor within = at::matmul(by_instance(queries), by_instance(heads.keys).transpose(-1, -2));
    const at::Tensor oneself = at::eye(instances, heads.keys.options().dtype(at::kBool));
    const at::Tensor across = at::matmul(by_type(queries), by_type(heads.keys).transpose(-1, -2))
                                  .masked_fill(oneself, -std::numeric_limits<double>::infinity());

    // both as [batch, N, heads, K+1, keys], one softmax over K+1 and N keys together
    const at::Tensor scores = at::cat({within, across.permute({0, 3, 2, 1, 4})}, -1);
    const at::Tensor weights = nn::Dropout(at::softmax(scores, -1), options_.dropout, training());
    const at::Tensor from_instance = at::matmul(weights.narrow(-1, 0, types), by_instance(heads.values));
    const at::Tensor from_type =
        at::matmul(weights.narrow(-1, types, instances).permute({0, 3, 2, 1, 4}), by_type(heads.values));
    // back to [batch, N, K+1, heads, channels]
    return (from_instance.permute({0, 1, 3, 2, 4}) + from_type.permute({0, 3, 1, 2, 4})).flatten(-2);
  }

  AttentionSchemeOptions options_;
  nn::MultiheadAttention* attention_;
  nn::LayerNorm* norm_;
};

const AttentionSchemeRegistrar kRegistrar("GROUP_MASKED", MakeAttentionScheme<GroupMaskedAttention>);

}  // namespace
}  // namespace grouppose
