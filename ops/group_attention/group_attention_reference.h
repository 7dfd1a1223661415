// Group attention from its definition, in double precision, one number after the other: what every kernel is compared
// with. qkv and strides as in group_attention_cpu.h; output and gradients are dense.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_REFERENCE_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_REFERENCE_H_

#include "ops/group_attention/group_attention_sizes.h"

namespace ops {

// output [batch, instances, keypoints, hidden]
void GroupAttentionReferenceForward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                    const double* qkv, double* output);

// grad_output as output; grad_qkv [batch, instances, keypoints, 3 hidden]
void GroupAttentionReferenceBackward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                     const double* qkv, const double* grad_output, double* grad_qkv);

}  // namespace ops

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_REFERENCE_H_
