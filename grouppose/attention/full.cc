// FULL: one self-attention over all N(K+1) tokens of an image, the plain alternative to grouping. See full.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"

namespace grouppose {
namespace {

class FullAttention : public AttentionScheme {
 public:
  explicit FullAttention(const AttentionSchemeOptions& options)
      : full_(Add("", std::make_unique<AttentionSubLayer>("full", options))) {}

  at::Tensor Forward(const at::Tensor& tokens) override { return full_->ForwardOverAll(tokens); }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t tokens = num_instances * (num_keypoints + 1);
    return tokens * tokens;
  }

 private:
  AttentionSubLayer* full_;
};

const AttentionSchemeRegistrar kRegistrar("FULL", MakeAttentionScheme<FullAttention>);

}  // namespace
}  // namespace grouppose
