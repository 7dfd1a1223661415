// The operator on CUDA tensors: checks, devices and streams around the launches of ms_deform_attn_cuda.h. Linked only
// under --config=cuda.
#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <torch/library.h>

#include <tuple>

#include "ops/ms_deform_attn/ms_deform_attn_checks.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"

namespace ops {
namespace {

using at::Tensor;

// Calls body(T()) with the kernels' type that has the bits of `type`.
template <typename Body>
void WithTypeOf(at::ScalarType type, Body body) {
  switch (type) {
    case at::kFloat:
      return body(float());
    case at::kDouble:
      return body(double());
    case at::kHalf:
      return body(__half());
    default:
      return body(__nv_bfloat16());
  }
}

// The inputs, dense. The levels' shapes are wanted on the CPU: where they lie on the device, the copy waits for it.
struct Arguments {
  Arguments(const Tensor& value_in, const Tensor& spatial_shapes_in, const Tensor& level_start_index_in,
            const Tensor& locations_in, const Tensor& weights_in)
      : value(value_in.contiguous()),
        spatial_shapes(spatial_shapes_in.cpu().contiguous()),
        locations(locations_in.contiguous()),
        weights(weights_in.contiguous()),
        sizes(CheckedMsDeformAttnSizes(value, spatial_shapes, level_start_index_in.cpu().contiguous(), locations,
                                       weights)) {
    TORCH_CHECK(value.is_cuda() && locations.device() == value.device() && weights.device() == value.device(),
                "ms_deform_attn: value is on ", value.device(), ", sampling_locations on ", locations.device(),
                " and attention_weights on ", weights.device(), ", expected one CUDA device");
    TORCH_CHECK(MsDeformAttnCudaFits(sizes), "ms_deform_attn: spatial_shapes is ", spatial_shapes.sizes(),
                " and attention_weights ", weights.sizes(), ", expected at most ", kMsDeformAttnCudaMaxLevels,
                " levels, and sides and points below 2^31");
  }

  template <typename T>
  MsDeformAttnInputs<T, MsDeformAttnReal<T>> Pointers() const {
    return {static_cast<const T*>(value.const_data_ptr()), locations.const_data_ptr<MsDeformAttnReal<T>>(),
            weights.const_data_ptr<MsDeformAttnReal<T>>()};
  }

  const Tensor value, spatial_shapes, locations, weights;
  const MsDeformAttnSizes sizes;
};

Tensor ForwardOnCuda(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                     const Tensor& sampling_locations, const Tensor& attention_weights) {
  const Arguments in(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  const c10::cuda::CUDAGuard guard(in.value.device());
  const Tensor output =
      at::empty({in.sizes.batch, in.sizes.queries, in.sizes.heads * in.sizes.channels}, in.value.options());
  WithTypeOf(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    C10_CUDA_CHECK(LaunchMsDeformAttnForward(in.sizes, in.Pointers<T>(), static_cast<T*>(output.mutable_data_ptr()),
                                             c10::cuda::getCurrentCUDAStream()));
  });
  return output;
}

std::tuple<Tensor, Tensor, Tensor> BackwardOnCuda(const Tensor& grad_output_in, const Tensor& value,
                                                  const Tensor& spatial_shapes, const Tensor& level_start_index,
                                                  const Tensor& sampling_locations, const Tensor& attention_weights) {
  // the gradient of the value is summed in whatever order the threads come
  at::globalContext().alertNotDeterministic("ms_deform_attn_backward on CUDA");
  const Arguments in(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  const Tensor grad_output = grad_output_in.contiguous();
  CheckMsDeformAttnGradOutput(in.sizes, grad_output, in.value);
  TORCH_CHECK(grad_output.device() == in.value.device(), "ms_deform_attn: grad_output is on ", grad_output.device(),
              ", expected ", in.value.device(), " as value");
  const c10::cuda::CUDAGuard guard(in.value.device());
  // in the type of the sums
  const Tensor grad_value = at::zeros(in.value.sizes(), in.locations.options());
  const Tensor grad_locations = at::empty_like(in.locations), grad_weights = at::empty_like(in.weights);
  WithTypeOf(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    using Real = MsDeformAttnReal<T>;
    const MsDeformAttnGradients<Real> out = {grad_value.mutable_data_ptr<Real>(),
                                             grad_locations.mutable_data_ptr<Real>(),
                                             grad_weights.mutable_data_ptr<Real>()};
    C10_CUDA_CHECK(LaunchMsDeformAttnBackward(in.sizes, in.Pointers<T>(),
                                              static_cast<const T*>(grad_output.const_data_ptr()), out,
                                              c10::cuda::getCurrentCUDAStream()));
  });
  return {grad_value.to(in.value.scalar_type()), grad_locations, grad_weights};
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, CUDA, library) {
  library.impl("ms_deform_attn", ForwardOnCuda);
  library.impl("ms_deform_attn_backward", BackwardOnCuda);
}

}  // namespace ops
