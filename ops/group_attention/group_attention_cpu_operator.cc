// The operator on CPU tensors: checks and threads around the kernels of group_attention_cpu.h.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>

#include "ops/group_attention/group_attention_checks.h"
#include "ops/group_attention/group_attention_cpu.h"
#include "ops/group_attention/group_attention_sizes.h"
#include "ops/with_type_of.h"

namespace ops {
namespace {

using at::Tensor;

// Tasks that are worth waking a thread for: about 20 microseconds of multiply-adds and copies on one core.
int64_t Grain(const GroupAttentionSizes& sizes) {
  constexpr int64_t kMultiplyAdds = 1'000'000;
  const int64_t of_a_task = sizes.length() * sizes.channels * (2 * sizes.length() + 20);
  return kMultiplyAdds / std::max<int64_t>(of_a_task, 1) + 1;
}

Tensor ForwardOnCpu(const Tensor& qkv_in, int64_t heads, int64_t along) {
  const GroupAttentionSizes sizes = CheckedGroupAttentionSizes(qkv_in, heads, along);
  const Tensor qkv = GroupAttentionTokens(qkv_in);
  const GroupAttentionStrides strides = GroupAttentionStridesOf(qkv);
  const Tensor output = at::empty({sizes.batch, sizes.instances, sizes.keypoints, sizes.hidden()}, qkv.options());
  WithTypeOf<HalfBits, BFloat16Bits>(qkv.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const T* in = static_cast<const T*>(qkv.const_data_ptr());
    T* out = static_cast<T*>(output.mutable_data_ptr());
    at::parallel_for(0, GroupAttentionTasks(sizes), Grain(sizes), [&](int64_t begin, int64_t end) {
      GroupAttentionForwardCpu(sizes, strides, in, begin, end, out);
    });
  });
  return output;
}

Tensor BackwardOnCpu(const Tensor& grad_output_in, const Tensor& qkv_in, int64_t heads, int64_t along) {
  const GroupAttentionSizes sizes = CheckedGroupAttentionSizes(qkv_in, heads, along);
  CheckGroupAttentionGradOutput(sizes, grad_output_in, qkv_in);
  const Tensor qkv = GroupAttentionTokens(qkv_in), grad_output = grad_output_in.contiguous();
  const GroupAttentionStrides strides = GroupAttentionStridesOf(qkv);
  const Tensor grad_qkv = at::empty(qkv.sizes(), qkv.options());
  WithTypeOf<HalfBits, BFloat16Bits>(qkv.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const T *in = static_cast<const T*>(qkv.const_data_ptr()),
            *grad = static_cast<const T*>(grad_output.const_data_ptr());
    T* out = static_cast<T*>(grad_qkv.mutable_data_ptr());
    at::parallel_for(0, GroupAttentionTasks(sizes), Grain(sizes), [&](int64_t begin, int64_t end) {
      GroupAttentionBackwardCpu(sizes, strides, in, grad, begin, end, out);
    });
  });
  return grad_qkv;
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, CPU, library) {
  library.impl("group_attention", ForwardOnCpu);
  library.impl("group_attention_backward", BackwardOnCpu);
}

}  // namespace ops
