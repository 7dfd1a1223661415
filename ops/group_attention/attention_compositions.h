// The same attention out of torch's own operators, for comparison in tests and benchmarks.
#ifndef OPS_GROUP_ATTENTION_ATTENTION_COMPOSITIONS_H_
#define OPS_GROUP_ATTENTION_ATTENTION_COMPOSITIONS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ops {

// As GroupAttention (group_attention.h), through torch's scaled dot product: its fused kernel (flash attention for the
// CPU) on strided views of qkv.
at::Tensor ScaledDotProductGroupAttention(const at::Tensor& qkv, int64_t heads, int64_t along);

// Two batched products with the softmax between them; all the weights are in memory.
at::Tensor ComposedGroupAttention(const at::Tensor& qkv, int64_t heads, int64_t along);

// What torch.nn.MultiheadAttention does between its projections when it is called as the official decoder calls it:
// tokens [length, sequences, hidden] of queries, keys and values, each dense as a projection of its own leaves them;
// the heads' copies, the weights in memory, and the mean of the weights over the heads, which is returned by default
// and which the decoder throws away. Returns [length, sequences, hidden].
at::Tensor OfficialAttention(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                             int64_t heads);

}  // namespace ops

#endif  // OPS_GROUP_ATTENTION_ATTENTION_COMPOSITIONS_H_
