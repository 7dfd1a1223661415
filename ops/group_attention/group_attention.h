// Group attention (Liu et al. 2023, "Group Pose", section 3.2): self-attention among the tokens of one instance, or
// among the tokens of one keypoint across instances, as a torch operator on CPU (CUDA under --config=cuda).
//
//   const at::Tensor qkv = at::linear(tokens, in_proj_weight, in_proj_bias);        // [batch, N, K, 3 hidden]
//   at::Tensor attended = ops::GroupAttention(qkv, heads, /*along=*/2);             // within an instance
//   attended = ops::GroupAttention(qkv, heads, /*along=*/1);                        // across instances
//
// In Python: torch.ops.grouppose.group_attention(qkv, heads, along), after loading libgrouppose_ops.so.
//
//   qkv                  [batch, instances, keypoints, 3 hidden], of any strides; queries, keys and values one after
//                        the other, as torch.nn.MultiheadAttention's packed projection leaves them, each
//                        [heads, channels]
//   heads                divides hidden
//   along                1: a token attends to its own keypoint in all instances; 2: to all keypoints of its instance
//   returns              [batch, instances, keypoints, hidden], dense: softmax(q k^T / sqrt(channels)) v in the tokens'
//                        own layout, for the output projection
//
// float, double, half or bfloat16; arithmetic on 16-bit tokens is in float. Any dimension but the last may be empty.
// Differentiable once in qkv; the backward pass computes the attention weights again, so that none are kept. On the CPU
// both passes have the same bits for any number of threads and any instruction set (group_attention_cpu.h). What is not
// a number spreads as in torch's softmax. Under autocast the operator works in the type it is given.
//
// Sequences may have any length on the CPU: there is no matrix of weights in memory, only those of some dozen queries
// at a time. On CUDA a sequence has to fit the shared memory of a block (in float, 114 tokens of 32 channels);
// GroupAttentionFits() asks. No dropout of the weights. Wrong shapes and types throw c10::Error with what was found and
// what was expected.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ops {

at::Tensor GroupAttention(const at::Tensor& qkv, int64_t heads, int64_t along);

// Whether the device of `qkv` can do it.
bool GroupAttentionFits(const at::Tensor& qkv, int64_t heads, int64_t along);

}  // namespace ops

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_H_
