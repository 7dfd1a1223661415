// What the kernels of group attention rely on, checked once for all devices.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_CHECKS_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_CHECKS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/group_attention/group_attention_sizes.h"

namespace ops {

// Checks the arguments of GroupAttention (group_attention.h); throws c10::Error with what was found and what was
// expected.
GroupAttentionSizes CheckedGroupAttentionSizes(const at::Tensor& qkv, int64_t heads, int64_t along);

// The gradient is of the output's shape and type, on its device.
void CheckGroupAttentionGradOutput(const GroupAttentionSizes& sizes, const at::Tensor& grad_output,
                                   const at::Tensor& qkv);

// qkv itself where its last dimension is dense, else a copy.
at::Tensor GroupAttentionTokens(const at::Tensor& qkv);
GroupAttentionStrides GroupAttentionStridesOf(const at::Tensor& tokens);

}  // namespace ops

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_CHECKS_H_
