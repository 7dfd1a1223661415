// What every scheme's test compares with: attention written from its definition, in double precision, with a mask that
// says who may look at whom.
#ifndef GROUPPOSE_ATTENTION_ORACLE_H_
#define GROUPPOSE_ATTENTION_ORACLE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grouppose/attention/scheme.h"

namespace grouppose::testing {

// A token: type 0 is the instance token, 1..K are the keypoints.
struct Token {
  int64_t instance = 0, type = 0;
};

// May `query` look at `key`?
using MayLook = std::function<bool(Token query, Token key)>;

// The linked scheme `name` with hidden size 24, 3 heads and parameters that are neither equal nor zero.
inline constexpr int64_t kOracleHidden = 24, kOracleHeads = 3;
std::unique_ptr<AttentionScheme> MakeFilledScheme(const std::string& name);

// Tokens [batch, N, K+1, hidden] in [-1, 1).
at::Tensor OracleTokens(int64_t batch, int64_t num_instances, int64_t num_types);

// One sub-layer, norm(x + attention(x)) under the mask, with the parameters `attention`.* and `norm`.* of the scheme.
// double in, double out, [batch, N, K+1, hidden].
at::Tensor OracleSubLayer(const AttentionScheme& scheme, const std::string& attention, const std::string& norm,
                          const at::Tensor& tokens, const MayLook& may_look);

// Fails the running test unless permuting the instances permutes the outputs.
void ExpectInstancesPermute(AttentionScheme& scheme);

// Attention alone under the mask, without residual and norm; else as OracleSubLayer.
at::Tensor OracleAttention(const AttentionScheme& scheme, const std::string& attention, const at::Tensor& tokens,
                           const MayLook& may_look);
// Layer norm with the parameters `norm`.* of the scheme, double in, double out.
at::Tensor OracleNorm(const AttentionScheme& scheme, const std::string& norm, const at::Tensor& tokens);

// Fails the running test unless, in one block, the gradient of an output token reaches exactly the input tokens that
// `reached` names: it is not zero there and exactly zero everywhere else. All pairs of 4 instances of 3 types.
void ExpectGradientReaches(AttentionScheme& scheme, const MayLook& reached);

// Sets a tensor of the scheme to zero: an attention whose "NAME_attn.out_proj.weight" is zero passes nothing on.
void SetToZero(const AttentionScheme& scheme, const std::string& name);

// Query-key pairs counted one by one for 5 instances of 3 keypoints, against AttentionPairs(); `masks` has one entry an
// attention of the block.
void ExpectPairs(const AttentionScheme& scheme, const std::vector<MayLook>& masks);

// Fails the running test unless every parameter and the tokens receive a finite gradient that is not zero throughout.
void ExpectGradientsArrive(AttentionScheme& scheme);

}  // namespace grouppose::testing

#endif  // GROUPPOSE_ATTENTION_ORACLE_H_
