#include "ops/group_attention/attention_compositions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <vector>

namespace ops {
namespace {

using at::Tensor;

// qkv as queries, keys and values, each [batch, others, heads, length, channels].
std::vector<Tensor> Parts(const Tensor& qkv, int64_t heads, int64_t along) {
  const Tensor sequences = along == 1 ? qkv.transpose(1, 2) : qkv;
  return sequences.unflatten(-1, {3, heads, -1}).permute({3, 0, 1, 4, 2, 5}).unbind(0);
}

// Back to the tokens' layout, [batch, instances, keypoints, hidden].
Tensor Joined(const Tensor& attended, int64_t along) {
  return attended.permute(along == 1 ? at::IntArrayRef{0, 3, 1, 2, 4} : at::IntArrayRef{0, 1, 3, 2, 4}).flatten(-2);
}

double Scale(int64_t channels) { return 1 / std::sqrt(static_cast<double>(channels)); }

}  // namespace

Tensor ScaledDotProductGroupAttention(const Tensor& qkv, int64_t heads, int64_t along) {
  const std::vector<Tensor> parts = Parts(qkv, heads, along);
  // the fused kernel takes one dimension of sequences
  const Tensor attended =
      at::scaled_dot_product_attention(parts[0].flatten(0, 1), parts[1].flatten(0, 1), parts[2].flatten(0, 1));
  return Joined(attended.view(parts[0].sizes()), along);
}

Tensor ComposedGroupAttention(const Tensor& qkv, int64_t heads, int64_t along) {
  const std::vector<Tensor> parts = Parts(qkv, heads, along);
  const Tensor scores = at::matmul(parts[0] * Scale(parts[0].size(-1)), parts[1].transpose(-1, -2));
  return Joined(at::matmul(at::softmax(scores, -1), parts[2]), along);
}

Tensor OfficialAttention(const Tensor& queries, const Tensor& keys, const Tensor& values, int64_t heads) {
  const int64_t length = queries.size(0), sequences = queries.size(1), hidden = queries.size(2);
  const auto of_heads = [&](const Tensor& x) {
    return x.view({length, sequences * heads, hidden / heads}).transpose(0, 1);
  };
  const Tensor scores = at::bmm(of_heads(queries) * Scale(hidden / heads), of_heads(keys).transpose(-2, -1));
  const Tensor weights = at::softmax(scores, -1);
  const Tensor attended = at::bmm(weights, of_heads(values)).transpose(0, 1).contiguous();
  const Tensor mean = weights.view({sequences, heads, length, length}).mean(1);
  return attended.view({length, sequences, hidden});
}

}  // namespace ops
