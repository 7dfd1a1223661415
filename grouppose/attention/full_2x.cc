// FULL_2X: two full self-attentions in a row, as many attention parameters as GROUP has. See full_2x.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"

namespace grouppose {
namespace {

class FullTwiceAttention : public AttentionScheme {
 public:
  explicit FullTwiceAttention(const AttentionSchemeOptions& options)
      : first_(Add("", std::make_unique<AttentionSubLayer>("full", options))),
        second_(Add("", std::make_unique<AttentionSubLayer>("full2", options))) {}

  at::Tensor Forward(const at::Tensor& tokens) override {
    return second_->ForwardOverAll(first_->ForwardOverAll(tokens));
  }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t tokens = num_instances * (num_keypoints + 1);
    return 2 * tokens * tokens;
  }

 private:
  AttentionSubLayer *first_, *second_;
};

const AttentionSchemeRegistrar kRegistrar("FULL_2X", MakeAttentionScheme<FullTwiceAttention>);

}  // namespace
}  // namespace grouppose
