// The operators on CPU tensors: checks, threads and types around the kernels of ms_deform_attn_cpu.h.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <tuple>

#include "ops/ms_deform_attn/ms_deform_attn_checks.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"
#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"
#include "ops/with_type_of.h"

namespace ops {
namespace {

using at::Tensor;

void CheckFits(const MsDeformAttnSizes& sizes, const Tensor& value) {
  TORCH_CHECK(MsDeformAttnFits(sizes), "ms_deform_attn: value is ", value.sizes(),
              ", expected fewer than 2^30 elements in a head with a border around each level");
}

template <typename T>
const T* Pointer(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <typename T>
T* MutablePointer(const Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// The inputs of the plain entry, dense.
class Arguments {
 public:
  Arguments(const Tensor& value_in, const Tensor& spatial_shapes_in, const Tensor& level_start_index_in,
            const Tensor& locations_in, const Tensor& weights_in)
      : value(value_in.contiguous()),
        positions(locations_in.contiguous()),
        weights(weights_in.contiguous()),
        spatial_shapes_(spatial_shapes_in.contiguous()),
        sizes(CheckedMsDeformAttnSizes(value, spatial_shapes_, level_start_index_in.contiguous(), positions, weights)) {
    CheckFits(sizes, value);
  }

  template <typename T>
  MsDeformAttnCpu<T> Kernels() const {
    using Real = MsDeformAttnCpuReal<T>;
    return {sizes, MsDeformAttnInputs<T, Real>{Pointer<T>(value), Pointer<Real>(positions), Pointer<Real>(weights)}};
  }

  const Tensor value, positions, weights;

 private:
  const Tensor spatial_shapes_;

 public:
  const MsDeformAttnSizes sizes;
};

// Those of the fused entry.
class FusedArguments {
 public:
  FusedArguments(const Tensor& value_in, const Tensor& spatial_shapes_in, const Tensor& level_start_index_in,
                 const Tensor& reference_points_in, const Tensor& offsets_in, const Tensor& logits_in)
      : value(value_in.contiguous()),
        reference_points(reference_points_in.contiguous()),
        positions(offsets_in.contiguous()),
        weights(logits_in.contiguous()),
        spatial_shapes_(spatial_shapes_in.contiguous()),
        checked_(CheckedMsDeformAttnFusedSizes(value, spatial_shapes_, level_start_index_in.contiguous(),
                                               reference_points, positions, weights)),
        sizes(checked_.sizes) {
    CheckFits(sizes, value);
  }

  template <typename T>
  MsDeformAttnCpu<T> Kernels() const {
    using Real = MsDeformAttnCpuReal<T>;
    return {sizes, checked_.reference,
            MsDeformAttnFusedInputs<T, Real>{Pointer<T>(value), Pointer<Real>(reference_points),
                                             Pointer<Real>(positions), Pointer<Real>(weights)}};
  }

  const Tensor value, reference_points, positions, weights;

 private:
  const Tensor spatial_shapes_;
  const CheckedMsDeformAttnFused checked_;

 public:
  const MsDeformAttnSizes sizes;
};

template <typename AnyArguments>
Tensor Forward(const AnyArguments& in) {
  const Tensor output =
      at::empty({in.sizes.batch, in.sizes.queries, in.sizes.heads * in.sizes.channels}, in.value.options());
  // a chunk copies the heads it touches, each for the price of about size / 10 queries: it should have more than that
  const int64_t grain = in.sizes.size / 4 + 1;
  WithTypeOf<Half, BFloat16>(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const auto kernels = in.template Kernels<T>();
    T* out = MutablePointer<T>(output);
    at::parallel_for(0, kernels.ForwardItems(), grain,
                     [&](int64_t begin, int64_t end) { kernels.Forward(begin, end, out); });
  });
  return output;
}

struct Gradients {
  Tensor value, positions, weights, reference_points;
};

// The gradient of the reference points is an empty tensor where it is not given.
template <typename AnyArguments>
Gradients Backward(const AnyArguments& in, const Tensor& grad_output_in, const Tensor& grad_reference_points) {
  const Tensor grad_output = grad_output_in.contiguous();
  CheckMsDeformAttnGradOutput(in.sizes, grad_output, in.value);
  const Gradients gradients = {at::empty_like(in.value), at::empty_like(in.positions), at::empty_like(in.weights),
                               grad_reference_points};
  WithTypeOf<Half, BFloat16>(in.value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    using Real = MsDeformAttnCpuReal<T>;
    const auto kernels = in.template Kernels<T>();
    const MsDeformAttnCpuPointGradients<Real> out = {
        MutablePointer<Real>(gradients.positions), MutablePointer<Real>(gradients.weights),
        grad_reference_points.numel() == 0 ? nullptr : MutablePointer<Real>(grad_reference_points)};
    const Tensor workspace = at::empty({kernels.BackwardWorkspace(out)}, in.positions.options());
    for (int step = 0; step < kernels.kBackwardSteps; ++step) {
      // a query's sum of reference points is some hundred additions
      const int64_t grain = step == 2 ? 256 : 1;
      at::parallel_for(0, kernels.BackwardItems(step, out), grain, [&](int64_t begin, int64_t end) {
        kernels.Backward(step, begin, end, Pointer<T>(grad_output), MutablePointer<T>(gradients.value), out,
                         MutablePointer<Real>(workspace));
      });
    }
  });
  return gradients;
}

Tensor ForwardOnCpu(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                    const Tensor& sampling_locations, const Tensor& attention_weights) {
  return Forward(Arguments(value, spatial_shapes, level_start_index, sampling_locations, attention_weights));
}

std::tuple<Tensor, Tensor, Tensor> BackwardOnCpu(const Tensor& grad_output, const Tensor& value,
                                                 const Tensor& spatial_shapes, const Tensor& level_start_index,
                                                 const Tensor& sampling_locations, const Tensor& attention_weights) {
  const Arguments in(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  const Gradients gradients = Backward(in, grad_output, at::empty({0}, in.positions.options()));
  return {gradients.value, gradients.positions, gradients.weights};
}

Tensor FusedForwardOnCpu(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                         const Tensor& reference_points, const Tensor& sampling_offsets,
                         const Tensor& attention_logits) {
  return Forward(
      FusedArguments(value, spatial_shapes, level_start_index, reference_points, sampling_offsets, attention_logits));
}

std::tuple<Tensor, Tensor, Tensor, Tensor> FusedBackwardOnCpu(
    const Tensor& grad_output, const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
    const Tensor& reference_points, const Tensor& sampling_offsets, const Tensor& attention_logits,
    bool reference_points_need_grad) {
  const FusedArguments in(value, spatial_shapes, level_start_index, reference_points, sampling_offsets,
                          attention_logits);
  const Tensor grad_reference =
      reference_points_need_grad ? at::empty_like(in.reference_points) : at::empty({0}, in.reference_points.options());
  const Gradients gradients = Backward(in, grad_output, grad_reference);
  return {gradients.value, gradients.reference_points, gradients.positions, gradients.weights};
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, CPU, library) {
  library.impl("ms_deform_attn", ForwardOnCpu);
  library.impl("ms_deform_attn_backward", BackwardOnCpu);
  library.impl("ms_deform_attn_fused", FusedForwardOnCpu);
  library.impl("ms_deform_attn_fused_backward", FusedBackwardOnCpu);
}

}  // namespace ops
