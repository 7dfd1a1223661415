#include "ops/group_attention/group_attention_checks.h"

#include <c10/util/Exception.h>

#include <array>

namespace ops {

using at::Tensor;

GroupAttentionSizes CheckedGroupAttentionSizes(const Tensor& qkv, int64_t heads, int64_t along) {
  const at::ScalarType type = qkv.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || type == at::kHalf || type == at::kBFloat16,
              "group_attention: qkv is ", type, ", expected Float, Double, Half or BFloat16");
  TORCH_CHECK(qkv.dim() == 4, "group_attention: qkv is ", qkv.sizes(),
              ", expected [batch, instances, keypoints, 3 hidden]");
  TORCH_CHECK(heads > 0 && qkv.size(3) > 0 && qkv.size(3) % (3 * heads) == 0, "group_attention: qkv is ", qkv.sizes(),
              " for ", heads, " heads, expected a last dimension of 3 x heads x channels");
  TORCH_CHECK(along == 1 || along == 2, "group_attention: along is ", along,
              ", expected 1 (across instances) or 2 (within an instance)");
  GroupAttentionSizes sizes;
  sizes.batch = qkv.size(0);
  sizes.instances = qkv.size(1);
  sizes.keypoints = qkv.size(2);
  sizes.heads = heads;
  sizes.channels = qkv.size(3) / (3 * heads);
  sizes.along = along == 1 ? GroupAttentionAlong::kInstances : GroupAttentionAlong::kKeypoints;
  return sizes;
}

void CheckGroupAttentionGradOutput(const GroupAttentionSizes& sizes, const Tensor& grad_output, const Tensor& qkv) {
  const std::array<int64_t, 4> shape = {sizes.batch, sizes.instances, sizes.keypoints, sizes.hidden()};
  const at::IntArrayRef expected = shape;
  TORCH_CHECK(grad_output.sizes() == expected, "group_attention: grad_output is ", grad_output.sizes(), ", expected ",
              expected, " (the output)");
  TORCH_CHECK(grad_output.scalar_type() == qkv.scalar_type() && grad_output.device() == qkv.device(),
              "group_attention: grad_output is ", grad_output.scalar_type(), " on ", grad_output.device(),
              ", expected ", qkv.scalar_type(), " on ", qkv.device(), " as qkv");
}

Tensor GroupAttentionTokens(const Tensor& qkv) { return qkv.stride(3) == 1 ? qkv : qkv.contiguous(); }

GroupAttentionStrides GroupAttentionStridesOf(const Tensor& tokens) {
  return {tokens.stride(0), tokens.stride(1), tokens.stride(2)};
}

}  // namespace ops
