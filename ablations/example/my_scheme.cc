#include <ATen/ops/cat.h>

#include "grouppose/attention/sub_layer.h"
namespace grouppose {
// Within each instance; then only the instance tokens look at each other.
struct MyScheme : AttentionScheme {
  explicit MyScheme(const AttentionSchemeOptions& options) {
    within = Add("", std::make_unique<AttentionSubLayer>("within", options));
    across = Add("", std::make_unique<AttentionSubLayer>("across", options));
  }
  at::Tensor Forward(const at::Tensor& tokens) override {  // [batch, N, K+1, hidden]
    const at::Tensor x = within->Forward(tokens, kWithinInstance);
    const at::Tensor instances = across->Forward(x.narrow(2, 0, 1), kAcrossInstances);
    return at::cat({instances, x.narrow(2, 1, x.size(2) - 1)}, 2);
  }
  int64_t AttentionPairs(int64_t n, int64_t k) const override { return n * (k + 1) * (k + 1) + n * n; }
  AttentionSubLayer *within, *across;
};
static const AttentionSchemeRegistrar kRegistrar("CUSTOM", MakeAttentionScheme<MyScheme>);
}  // namespace grouppose
