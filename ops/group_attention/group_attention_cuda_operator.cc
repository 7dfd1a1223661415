// The operator on CUDA tensors: checks, devices and streams around the launches of group_attention_cuda.h. Linked only
// under --config=cuda.
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <torch/library.h>

#include "ops/group_attention/group_attention_checks.h"
#include "ops/group_attention/group_attention_cuda.h"
#include "ops/with_type_of.h"

namespace ops {
namespace {

using at::Tensor;

template <typename T>
void CheckFits(const GroupAttentionSizes& sizes, const Tensor& qkv) {
  TORCH_CHECK(GroupAttentionCudaFits<T>(sizes), "group_attention: qkv is ", qkv.sizes(), " in ", qkv.scalar_type(),
              " for ", sizes.heads, " heads, sequences of ", sizes.length(),
              " tokens, expected sequences that fit 64 KiB of shared memory in the backward pass: ",
              GroupAttentionBackwardSharedBytes<T>(sizes), " bytes; and fewer than 2^31 sequences and heads");
}

Tensor ForwardOnCuda(const Tensor& qkv_in, int64_t heads, int64_t along) {
  const GroupAttentionSizes sizes = CheckedGroupAttentionSizes(qkv_in, heads, along);
  const c10::cuda::CUDAGuard guard(qkv_in.device());
  const Tensor qkv = GroupAttentionTokens(qkv_in);
  const Tensor output = at::empty({sizes.batch, sizes.instances, sizes.keypoints, sizes.hidden()}, qkv.options());
  WithTypeOf<__half, __nv_bfloat16>(qkv.scalar_type(), [&](auto type) {
    using T = decltype(type);
    CheckFits<T>(sizes, qkv);
    C10_CUDA_CHECK(
        LaunchGroupAttentionForward(sizes, GroupAttentionStridesOf(qkv), static_cast<const T*>(qkv.const_data_ptr()),
                                    static_cast<T*>(output.mutable_data_ptr()), c10::cuda::getCurrentCUDAStream()));
  });
  return output;
}

Tensor BackwardOnCuda(const Tensor& grad_output_in, const Tensor& qkv_in, int64_t heads, int64_t along) {
  const GroupAttentionSizes sizes = CheckedGroupAttentionSizes(qkv_in, heads, along);
  CheckGroupAttentionGradOutput(sizes, grad_output_in, qkv_in);
  const c10::cuda::CUDAGuard guard(qkv_in.device());
  const Tensor qkv = GroupAttentionTokens(qkv_in), grad_output = grad_output_in.contiguous();
  const Tensor grad_qkv = at::empty(qkv.sizes(), qkv.options());
  WithTypeOf<__half, __nv_bfloat16>(qkv.scalar_type(), [&](auto type) {
    using T = decltype(type);
    CheckFits<T>(sizes, qkv);
    C10_CUDA_CHECK(
        LaunchGroupAttentionBackward(sizes, GroupAttentionStridesOf(qkv), static_cast<const T*>(qkv.const_data_ptr()),
                                     static_cast<const T*>(grad_output.const_data_ptr()),
                                     static_cast<T*>(grad_qkv.mutable_data_ptr()), c10::cuda::getCurrentCUDAStream()));
  });
  return grad_qkv;
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, CUDA, library) {
  library.impl("group_attention", ForwardOnCuda);
  library.impl("group_attention_backward", BackwardOnCuda);
}

}  // namespace ops
