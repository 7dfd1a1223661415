// GROUP: the published scheme (Liu et al. 2023, "Group Pose", section 3.2). First within each instance, over its K+1
// tokens; then across instances, over the N tokens of one type. See group.md.
#include <memory>

#include "grouppose/attention/scheme.h"
#include "grouppose/attention/sub_layer.h"

namespace grouppose {
namespace {

class GroupAttention : public AttentionScheme {
 public:
  explicit GroupAttention(const AttentionSchemeOptions& options)
      : within_(Add("", std::make_unique<AttentionSubLayer>("within", options))),
        across_(Add("", std::make_unique<AttentionSubLayer>("across", options))) {}

  at::Tensor Forward(const at::Tensor& tokens) override {
    return across_->Forward(within_->Forward(tokens, kWithinInstance), kAcrossInstances);
  }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override {
    const int64_t types = num_keypoints + 1;
    return num_instances * types * types + types * num_instances * num_instances;
  }

 private:
  AttentionSubLayer *within_, *across_;
};

const AttentionSchemeRegistrar kRegistrar("GROUP", MakeAttentionScheme<GroupAttention>);

}  // namespace
}  // namespace grouppose
