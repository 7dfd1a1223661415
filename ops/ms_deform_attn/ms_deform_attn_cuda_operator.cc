// The operators on CUDA tensors: checks, devices and streams around the launches of ms_deform_attn_cuda.h. Linked only
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

#include <initializer_list>
#include <tuple>

#include "ops/ms_deform_attn/ms_deform_attn_checks.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/with_type_of.h"

namespace ops {
namespace {

using at::Tensor;

template <typename T>
T* Pointer(const Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// What a message calls a tensor.
struct Named {
  const char* name;
  const Tensor& tensor;
};

void CheckDevices(const Tensor& value, std::initializer_list<Named> others) {
  TORCH_CHECK(value.is_cuda(), "ms_deform_attn: value is on ", value.device(), ", expected a CUDA device");
  for (const Named& other : others) {
    TORCH_CHECK(other.tensor.device() == value.device(), "ms_deform_attn: ", other.name, " on ", other.tensor.device(),
                ", expected ", value.device(), " as value");
  }
}

void CheckFits(const MsDeformAttnSizes& sizes, const Tensor& value) {
  TORCH_CHECK(MsDeformAttnCudaFits(sizes), "ms_deform_attn: value is ", value.sizes(), " with ", sizes.levels,
              " levels, ", sizes.queries, " queries and ", sizes.points, " points, expected at most ",
              kMsDeformAttnCudaMaxLevels, " levels, fewer than 2^31 pixels, queries and points of a head, fewer than ",
              "2^28 elements a pixel and 2^40 points of a head");
}

// The arguments of the plain entry, dense. The levels' shapes are wanted on the CPU: where they lie on the device, the
// copy waits for it.
struct Arguments {
  Arguments(const Tensor& value_in, const Tensor& spatial_shapes_in, const Tensor& level_start_index_in,
            const Tensor& locations_in, const Tensor& weights_in)
      : value(value_in.contiguous()),
        spatial_shapes(spatial_shapes_in.cpu().contiguous()),
        locations(locations_in.contiguous()),
        weights(weights_in.contiguous()),
        sizes(CheckedMsDeformAttnSizes(value, spatial_shapes, level_start_index_in.cpu().contiguous(), locations,
                                       weights)) {
    CheckDevices(value, {{"sampling_locations", locations}, {"attention_weights", weights}});
    CheckFits(sizes, value);
  }

  template <typename T>
  MsDeformAttnInputs<T, MsDeformAttnReal<T>> Pointers() const {
    return {static_cast<const T*>(value.const_data_ptr()), locations.const_data_ptr<MsDeformAttnReal<T>>(),
            weights.const_data_ptr<MsDeformAttnReal<T>>()};
  }

  const Tensor value, spatial_shapes, locations, weights;
  const MsDeformAttnSizes sizes;
};

// Those of the fused entry.
struct FusedArguments {
  FusedArguments(const Tensor& value_in, const Tensor& spatial_shapes_in, const Tensor& level_start_index_in,
                 const Tensor& reference_in, const Tensor& offsets_in, const Tensor& logits_in)
      : value(value_in.contiguous()),
        spatial_shapes(spatial_shapes_in.cpu().contiguous()),
        reference(reference_in.contiguous()),
        offsets(offsets_in.contiguous()),
        logits(logits_in.contiguous()),
        checked(CheckedMsDeformAttnFusedSizes(value, spatial_shapes, level_start_index_in.cpu().contiguous(), reference,
                                              offsets, logits)) {
    CheckDevices(value, {{"reference_points", reference}, {"sampling_offsets", offsets}, {"attention_logits", logits}});
    CheckFits(checked.sizes, value);
  }

  template <typename T>
  MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>> Pointers() const {
    using Real = MsDeformAttnReal<T>;
    return {static_cast<const T*>(value.const_data_ptr()), reference.const_data_ptr<Real>(),
            offsets.const_data_ptr<Real>(), logits.const_data_ptr<Real>()};
  }

  const Tensor value, spatial_shapes, reference, offsets, logits;
  const CheckedMsDeformAttnFused checked;
};

Tensor EmptyOutput(const MsDeformAttnSizes& sizes, const Tensor& value) {
  return at::empty({sizes.batch, sizes.queries, sizes.heads * sizes.channels}, value.options());
}

// The gradient of the value in the type of the sums, and where torch must be deterministic the integers that it is
// summed in: both as the launches want to find them.
struct ValueGradient {
  ValueGradient(const MsDeformAttnSizes& sizes, const Tensor& value, const Tensor& of_sums) {
    if (at::globalContext().deterministicAlgorithms()) {
      const auto count = static_cast<int64_t>(MsDeformAttnWorkspaceBytes(sizes) / sizeof(int64_t));
      workspace = at::zeros({count}, of_sums.options().dtype(at::kLong));
      gradient = at::empty(value.sizes(), of_sums.options());
    } else {
      gradient = at::zeros(value.sizes(), of_sums.options());
    }
  }
  void* memory() const { return workspace.defined() ? workspace.mutable_data_ptr() : nullptr; }
  Tensor gradient, workspace;
};

Tensor CheckedGradOutput(const MsDeformAttnSizes& sizes, const Tensor& grad_output_in, const Tensor& value) {
  const Tensor grad_output = grad_output_in.contiguous();
  CheckMsDeformAttnGradOutput(sizes, grad_output, value);
  CheckDevices(value, {{"grad_output", grad_output}});
  return grad_output;
}

Tensor ForwardOnCuda(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                     const Tensor& sampling_locations, const Tensor& attention_weights) {
  const Arguments in(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  const c10::cuda::CUDAGuard guard(in.value.device());
  const Tensor output = EmptyOutput(in.sizes, in.value);
  WithTypeOf<__half, __nv_bfloat16>(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    C10_CUDA_CHECK(
        LaunchMsDeformAttnForward(in.sizes, in.Pointers<T>(), Pointer<T>(output), c10::cuda::getCurrentCUDAStream()));
  });
  return output;
}

std::tuple<Tensor, Tensor, Tensor> BackwardOnCuda(const Tensor& grad_output_in, const Tensor& value,
                                                  const Tensor& spatial_shapes, const Tensor& level_start_index,
                                                  const Tensor& sampling_locations, const Tensor& attention_weights) {
  const Arguments in(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  const Tensor grad_output = CheckedGradOutput(in.sizes, grad_output_in, in.value);
  const c10::cuda::CUDAGuard guard(in.value.device());
  const ValueGradient grad_value(in.sizes, in.value, in.locations);
  const Tensor grad_locations = at::empty_like(in.locations), grad_weights = at::empty_like(in.weights);
  WithTypeOf<__half, __nv_bfloat16>(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    using Real = MsDeformAttnReal<T>;
    const MsDeformAttnGradients<Real> out = {Pointer<Real>(grad_value.gradient), Pointer<Real>(grad_locations),
                                             Pointer<Real>(grad_weights)};
    C10_CUDA_CHECK(LaunchMsDeformAttnBackward(in.sizes, in.Pointers<T>(),
                                              static_cast<const T*>(grad_output.const_data_ptr()), out,
                                              grad_value.memory(), c10::cuda::getCurrentCUDAStream()));
  });
  return {grad_value.gradient.to(in.value.scalar_type()), grad_locations, grad_weights};
}

Tensor FusedForwardOnCuda(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                          const Tensor& reference_points, const Tensor& sampling_offsets,
                          const Tensor& attention_logits) {
  const FusedArguments in(value, spatial_shapes, level_start_index, reference_points, sampling_offsets,
                          attention_logits);
  const c10::cuda::CUDAGuard guard(in.value.device());
  const Tensor output = EmptyOutput(in.checked.sizes, in.value);
  WithTypeOf<__half, __nv_bfloat16>(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    C10_CUDA_CHECK(LaunchMsDeformAttnFusedForward(in.checked.sizes, in.checked.reference, in.Pointers<T>(),
                                                  Pointer<T>(output), c10::cuda::getCurrentCUDAStream()));
  });
  return output;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> FusedBackwardOnCuda(
    const Tensor& grad_output_in, const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
    const Tensor& reference_points, const Tensor& sampling_offsets, const Tensor& attention_logits,
    bool reference_points_need_grad) {
  const FusedArguments in(value, spatial_shapes, level_start_index, reference_points, sampling_offsets,
                          attention_logits);
  const MsDeformAttnSizes& sizes = in.checked.sizes;
  const Tensor grad_output = CheckedGradOutput(sizes, grad_output_in, in.value);
  const c10::cuda::CUDAGuard guard(in.value.device());
  const ValueGradient grad_value(sizes, in.value, in.offsets);
  const Tensor grad_offsets = at::empty_like(in.offsets), grad_logits = at::empty_like(in.logits);
  const Tensor grad_reference =
      reference_points_need_grad ? at::empty_like(in.reference) : at::empty({0}, in.reference.options());
  WithTypeOf<__half, __nv_bfloat16>(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    using Real = MsDeformAttnReal<T>;
    const MsDeformAttnFusedGradients<Real> out = {Pointer<Real>(grad_value.gradient),
                                                  reference_points_need_grad ? Pointer<Real>(grad_reference) : nullptr,
                                                  Pointer<Real>(grad_offsets), Pointer<Real>(grad_logits)};
    C10_CUDA_CHECK(LaunchMsDeformAttnFusedBackward(sizes, in.checked.reference, in.Pointers<T>(),
                                                   static_cast<const T*>(grad_output.const_data_ptr()), out,
                                                   grad_value.memory(), c10::cuda::getCurrentCUDAStream()));
  });
  return {grad_value.gradient.to(in.value.scalar_type()), grad_reference, grad_offsets, grad_logits};
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, CUDA, library) {
  library.impl("ms_deform_attn", ForwardOnCuda);
  library.impl("ms_deform_attn_backward", BackwardOnCuda);
  library.impl("ms_deform_attn_fused", FusedForwardOnCuda);
  library.impl("ms_deform_attn_fused_backward", FusedBackwardOnCuda);
}

}  // namespace ops
