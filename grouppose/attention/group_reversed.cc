// GROUP_REVERSED: the sub-layers of GROUP in the other order, first across instances, then within each. See
// group_reversed.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"

namespace grouppose {
namespace {

class GroupReversedAttention : public AttentionScheme {
 public:
  explicit GroupReversedAttention(const AttentionSchemeOptions& options)
      : within_(Add("", std::make_unique<AttentionSubLayer>("within", options))),
        across_(Add("", std::make_unique<AttentionSubLayer>("across", options))) {}

  at::Tensor Forward(const at::Tensor& tokens) override {
    return within_->Forward(across_->Forward(tokens, kAcrossInstances), kWithinInstance);
  }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t types = num_keypoints + 1;
    return num_instances * types * types + types * num_instances * num_instances;
  }

 private:
  AttentionSubLayer *within_, *across_;
};

const AttentionSchemeRegistrar kRegistrar("GROUP_REVERSED", MakeAttentionScheme<GroupReversedAttention>);

}  // namespace
}  // namespace grouppose
