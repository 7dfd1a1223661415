// NONE: no self-attention block at all; tokens go straight to cross-attention. See none.md.
#include "grouppose/attention/scheme.h"

namespace grouppose {
namespace {

class NoAttention : public AttentionScheme {
 public:
  explicit NoAttention(const AttentionSchemeOptions&) {}

  at::Tensor Forward(const at::Tensor& tokens) override { return tokens; }

  int64_t AttentionPairs(int64_t, int64_t) const override { return 0; }
};

const AttentionSchemeRegistrar kRegistrar("NONE", MakeAttentionScheme<NoAttention>);

}  // namespace
}  // namespace grouppose
