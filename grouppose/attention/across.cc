// ACROSS: self-attention across instances, over the N tokens of one type; types never meet. See across.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"

namespace grouppose {
namespace {

class AcrossAttention : public AttentionScheme {
 public:
  explicit AcrossAttention(const AttentionSchemeOptions& options)
      : across_(Add("", std::make_unique<AttentionSubLayer>("across", options))) {}

  at::Tensor Forward(const at::Tensor& tokens) override { return across_->Forward(tokens, kAcrossInstances); }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    return (num_keypoints + 1) * num_instances * num_instances;
  }

 private:
  AttentionSubLayer* across_;
};

const AttentionSchemeRegistrar kRegistrar("ACROSS", MakeAttentionScheme<AcrossAttention>);

}  // namespace
}  // namespace grouppose
