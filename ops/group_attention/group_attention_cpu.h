// Group attention on CPU cores; no LibTorch. The caller spreads ranges of tasks over threads:
//
//   const int64_t tasks = GroupAttentionTasks(sizes);
//   GroupAttentionForwardCpu(sizes, strides, qkv, 0, tasks / 2, output);      // on one thread
//   GroupAttentionForwardCpu(sizes, strides, qkv, tasks / 2, tasks, output);  // on another
//
// T is float, double, BFloat16Bits or HalfBits. qkv holds tokens [batch, instances, keypoints, 3 hidden], wherever
// `strides` says: the queries of all heads, their keys, their values. Results are those of group_attention_reference.h,
// within rounding, and have the same bits however the ranges are cut and whichever instruction set runs (AVX2 or
// AVX-512, chosen when the program runs): a sum of products adds in order, and the sum of a row's exponentials is taken
// over 64-byte vectors everywhere, whether the machine has such vectors or not.
//
// A query, key or value that is not a number gives results that are not, in the rows that torch's softmax gives them.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_H_

#include <cstdint>

#include "ops/group_attention/group_attention_sizes.h"

namespace ops {

// Writes the output of the tasks [begin, end); output is dense [batch, instances, keypoints, hidden].
template <typename T>
void GroupAttentionForwardCpu(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const T* qkv,
                              int64_t begin, int64_t end, T* output);

// Writes the gradients that belong to the tasks [begin, end); grad_output is dense as output, grad_qkv dense
// [batch, instances, keypoints, 3 hidden]. The attention weights are computed once more.
template <typename T>
void GroupAttentionBackwardCpu(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const T* qkv,
                               const T* grad_output, int64_t begin, int64_t end, T* grad_qkv);

}  // namespace ops

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_H_
