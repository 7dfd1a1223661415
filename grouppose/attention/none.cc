// NONE: no self-attention block at all; tokens go straight to cross-attention. See none.md.
#include <memory>

#include "grouppose/attention/scheme.h"

namespace grouppose {
namespace {

class NoAttention : public AttentionScheme {
 public:
  at::Tensor Forward(const at::Tensor& tokens) override { return tokens; }

  int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const override { return 0; }
};

const AttentionSchemeRegistrar kRegistrar("NONE", [](const AttentionSchemeOptions& options) {
  return std::unique_ptr<AttentionScheme>(std::make_unique<NoAttention>());
});

}  // namespace
}  // namespace grouppose
