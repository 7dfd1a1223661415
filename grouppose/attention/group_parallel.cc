// GROUP_PARALLEL: within and across side by side on the same tokens, one residual and one norm. See group_parallel.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"
#include "grouppose/nn/dropout.h"
#include "grouppose/nn/multihead_attention.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {
namespace {

class GroupParallelAttention : public AttentionScheme {
 public:
  explicit GroupParallelAttention(const AttentionSchemeOptions& options)
      : dropout_(options.dropout),
        within_(Add("within_attn", MakeAttention(options))),
        across_(Add("across_attn", MakeAttention(options))),
        norm_(Add("parallel_norm", std::make_unique<nn::LayerNorm>(options.hidden_dim))) {}

  // norm(x + within(x) + across(x))
  at::Tensor Forward(const at::Tensor& tokens) override {
    const at::Tensor within = nn::Dropout(within_->SelfAttention(tokens, kWithinInstance), dropout_, training());
    const at::Tensor across = nn::Dropout(across_->SelfAttention(tokens, kAcrossInstances), dropout_, training());
    return norm_->Forward(tokens.add(within).add(across));
  }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t types = num_keypoints + 1;
    return num_instances * types * types + types * num_instances * num_instances;
  }

 private:
  static std::unique_ptr<nn::MultiheadAttention> MakeAttention(const AttentionSchemeOptions& options) {
    return std::make_unique<nn::MultiheadAttention>(
        nn::MultiheadAttentionOptions{options.hidden_dim, options.num_heads, options.dropout});
  }

  double dropout_;
  nn::MultiheadAttention *within_, *across_;
  nn::LayerNorm* norm_;
};

const AttentionSchemeRegistrar kRegistrar("GROUP_PARALLEL", MakeAttentionScheme<GroupParallelAttention>);

}  // namespace
}  // namespace grouppose
