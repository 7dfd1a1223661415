// Multi-head attention (Vaswani et al. 2017, "Attention is all you need", section 3.2).
#ifndef GROUPPOSE_NN_MULTIHEAD_ATTENTION_H_
#define GROUPPOSE_NN_MULTIHEAD_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "grouppose/nn/linear.h"
#include "grouppose/nn/module.h"

namespace grouppose::nn {

struct MultiheadAttentionOptions {
  int64_t hidden_dim = 256;
  int64_t num_heads = 8;
  double dropout = 0;  // of the attention weights, while training
};

// Parameters as torch.nn.MultiheadAttention: "in_proj_weight" [3 hidden, hidden] (queries, keys, values one after the
// other), "in_proj_bias" [3 hidden], "out_proj.weight", "out_proj.bias".
class MultiheadAttention : public Module {
 public:
  explicit MultiheadAttention(const MultiheadAttentionOptions& options);

  // Self-attention along one dimension: every token looks at the tokens that share all its other indices. For the
  // queries [batch, instances, types, hidden], `along` 2 is attention within an instance, 1 across instances.
  //   tokens [..., hidden] -> the same shape
  // Through ops/group_attention, which is faster than torch's scaled dot product at every length (16 to 1800 measured,
  // ops/group_attention/README.md); what the operator cannot do goes through torch: dropped weights, and long sequences
  // on CUDA.
  at::Tensor SelfAttention(const at::Tensor& tokens, int64_t along) const;

  // For attention that neither form covers: queries, keys and values, each [..., heads, channels], and the output
  // projection of what was attended, [..., hidden]. Dropout of the weights is the caller's.
  struct Heads {
    at::Tensor queries, keys, values;
  };
  Heads Project(const at::Tensor& tokens) const;
  at::Tensor Output(const at::Tensor& attended) const { return out_proj_->Forward(attended); }

  // query [batch, queries, hidden]; key, value [batch, keys, hidden] -> [batch, queries, hidden]
  at::Tensor Forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) const;

 private:
  // projected [before, length, behind, 3 hidden] -> attended [before, length, behind, hidden]
  at::Tensor AttendByTorch(const at::Tensor& projected) const;

  MultiheadAttentionOptions options_;
  at::Tensor in_proj_weight_, in_proj_bias_;
  Linear* out_proj_;
};

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_MULTIHEAD_ATTENTION_H_
