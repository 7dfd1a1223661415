// The decoder's self-attention scheme: who may look at whom among the N(K+1) query tokens.
//
// A scheme is one target of its own (`//grouppose/attention:group`), registered when it is linked. A program that
// links one scheme knows only that one.
#ifndef GROUPPOSE_ATTENTION_SCHEME_H_
#define GROUPPOSE_ATTENTION_SCHEME_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/nn/module.h"

namespace grouppose {

struct AttentionSchemeOptions {
  int64_t hidden_dim = 256;
  int64_t num_heads = 8;
  double dropout = 0;
};

// One self-attention block of a decoder layer: sub-layers with residual, dropout and post-norm. Its parameters are
// named directly under the decoder layer ("within_attn.in_proj_weight", "within_norm.weight", ...).
class AttentionScheme : public nn::Module {
 public:
  // tokens: [batch, N, K+1, hidden]; token 0 of an instance is its instance token, 1..K are its keypoint tokens. The
  // layer has already added the position term to the keypoint tokens, so query, key, value and residual of the first
  // sub-layer contain it. Returns the same shape.
  virtual at::Tensor Forward(const at::Tensor& tokens) = 0;

  // Query-key pairs that one block compares, for one image and one head.
  virtual int64_t AttentionPairs(int64_t num_instances, int64_t num_keypoints) const = 0;

  // Floating-point operations of one block's forward pass on one image, a multiply-add counted as two: every weight
  // matrix once on every token, and scores and weighted sums of the pairs. Softmax, norms and residuals, linear in the
  // number of tokens or pairs and without a factor of `hidden`, are left out. A scheme that applies its matrices to
  // some of the tokens only says so itself.
  virtual int64_t Flops(int64_t num_instances, int64_t num_keypoints) const;
};

using AttentionSchemeFactory = std::unique_ptr<AttentionScheme> (*)(const AttentionSchemeOptions&);

// Registers a scheme under the name of its enum value in experiment.proto ("GROUP"):
//   const AttentionSchemeRegistrar kRegistrar("GROUP", MakeAttentionScheme<GroupAttention>);
class AttentionSchemeRegistrar {
 public:
  AttentionSchemeRegistrar(const char* name, AttentionSchemeFactory factory);
};

template <typename Scheme>
std::unique_ptr<AttentionScheme> MakeAttentionScheme(const AttentionSchemeOptions& options) {
  return std::make_unique<Scheme>(options);
}

// NotFound, with the linked names in the message, for a scheme that this program does not link.
absl::StatusOr<AttentionSchemeFactory> FindAttentionScheme(const std::string& name);
// The linked schemes, sorted by name.
std::vector<std::string> LinkedAttentionSchemes();

}  // namespace grouppose

#endif  // GROUPPOSE_ATTENTION_SCHEME_H_
