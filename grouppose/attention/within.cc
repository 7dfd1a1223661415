// WITHIN: self-attention within each instance, over its K+1 tokens; instances never meet. See within.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"

namespace grouppose {
namespace {

class WithinAttention : public AttentionScheme {
 public:
  explicit WithinAttention(const AttentionSchemeOptions& options)
      : within_(Add("", std::make_unique<AttentionSubLayer>("within", options))) {}

  at::Tensor Forward(const at::Tensor& tokens) override { return within_->Forward(tokens, kWithinInstance); }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t types = num_keypoints + 1;
    return num_instances * types * types;
  }

 private:
  AttentionSubLayer* within_;
};

const AttentionSchemeRegistrar kRegistrar("WITHIN", MakeAttentionScheme<WithinAttention>);

}  // namespace
}  // namespace grouppose
