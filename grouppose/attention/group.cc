// GROUP: the published scheme (Liu et al. 2023, "Group Pose", section 3.2). First within each instance, over its K+1
// tokens; then across instances, over the N tokens of one type. Tokens of different types and different instances
// never meet directly.
#include <memory>
#include <string>

#include "grouppose/attention/scheme.h"
#include "grouppose/nn/dropout.h"
#include "grouppose/nn/multihead_attention.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {
namespace {

// The dimensions of tokens [batch, N, K+1, hidden].
constexpr int64_t kInstances = 1, kTypes = 2;

class GroupAttention : public AttentionScheme {
 public:
  explicit GroupAttention(const AttentionSchemeOptions& options)
      : options_(options), within_(AddSubLayer("within")), across_(AddSubLayer("across")) {}

  at::Tensor Forward(const at::Tensor& tokens) override {
    return Apply(across_, Apply(within_, tokens, kTypes), kInstances);
  }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t types = num_keypoints + 1;
    return num_instances * types * types + types * num_instances * num_instances;
  }

 private:
  struct SubLayer {
    nn::MultiheadAttention* attention;
    nn::LayerNorm* norm;
  };

  SubLayer AddSubLayer(const std::string& name) {
    return {Add(name + "_attn", std::make_unique<nn::MultiheadAttention>(nn::MultiheadAttentionOptions{
                                    options_.hidden_dim, options_.num_heads, options_.dropout})),
            Add(name + "_norm", std::make_unique<nn::LayerNorm>(options_.hidden_dim))};
  }

  at::Tensor Apply(const SubLayer& layer, const at::Tensor& tokens, int64_t along) const {
    const at::Tensor attended =
        nn::Dropout(layer.attention->SelfAttention(tokens, along), options_.dropout, training());
    return layer.norm->Forward(tokens.add(attended));
  }

  AttentionSchemeOptions options_;
  SubLayer within_, across_;
};

const AttentionSchemeRegistrar kRegistrar("GROUP", [](const AttentionSchemeOptions& options) {
  return std::unique_ptr<AttentionScheme>(std::make_unique<GroupAttention>(options));
});

}  // namespace
}  // namespace grouppose
