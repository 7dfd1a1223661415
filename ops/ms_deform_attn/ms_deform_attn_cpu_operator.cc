// The operators on CPU tensors: checks, threads and types around the kernels of ms_deform_attn_cpu.h.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/softmax.h>
#include <torch/library.h>

#include <tuple>

#include "ops/ms_deform_attn/ms_deform_attn_checks.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"
#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;
using FusedGradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;

void CheckFits(const MsDeformAttnSizes& sizes, const Tensor& value) {
  TORCH_CHECK(MsDeformAttnFits(sizes), "ms_deform_attn: value is ", value.sizes(),
              ", expected fewer than 2^31 pixels with a border around each level");
}

template <typename T>
MsDeformAttnInputs<T> InputPointers(const Tensor& value, const Tensor& sampling_locations,
                                    const Tensor& attention_weights) {
  return {value.const_data_ptr<T>(), sampling_locations.const_data_ptr<T>(), attention_weights.const_data_ptr<T>()};
}

template <typename T>
void Forward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T>& inputs, const Tensor& output) {
  T* out = output.mutable_data_ptr<T>();
  // a chunk copies the heads it touches, each for the price of about size / 10 queries: it should have more than that
  const int64_t grain = sizes.size / 4 + 1;
  at::parallel_for(0, MsDeformAttnForwardItems(sizes), grain,
                   [&](int64_t begin, int64_t end) { MsDeformAttnForwardCpu(sizes, inputs, begin, end, out); });
}

template <typename T>
void Backward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T>& inputs, const Tensor& grad_output,
              const Gradients& gradients) {
  const auto& [value, locations, weights] = gradients;
  const MsDeformAttnGradients<T> out = {value.mutable_data_ptr<T>(), locations.mutable_data_ptr<T>(),
                                        weights.mutable_data_ptr<T>()};
  const T* grad = grad_output.const_data_ptr<T>();
  at::parallel_for(0, MsDeformAttnBackwardItems(sizes), 1,
                   [&](int64_t begin, int64_t end) { MsDeformAttnBackwardCpu(sizes, inputs, grad, begin, end, out); });
}

Tensor ForwardOnCpu(const Tensor& value_in, const Tensor& spatial_shapes_in, const Tensor& level_start_index_in,
                    const Tensor& sampling_locations_in, const Tensor& attention_weights_in) {
  const Tensor value = value_in.contiguous(), spatial_shapes = spatial_shapes_in.contiguous(),
               level_start_index = level_start_index_in.contiguous(), locations = sampling_locations_in.contiguous(),
               weights = attention_weights_in.contiguous();
  const MsDeformAttnSizes sizes =
      CheckedMsDeformAttnSizes(value, spatial_shapes, level_start_index, locations, weights);
  CheckFits(sizes, value);
  const Tensor output = at::empty({sizes.batch, sizes.queries, sizes.heads * sizes.channels}, value.options());
  if (value.scalar_type() == at::kFloat) {
    Forward(sizes, InputPointers<float>(value, locations, weights), output);
  } else {
    Forward(sizes, InputPointers<double>(value, locations, weights), output);
  }
  return output;
}

Gradients BackwardOnCpu(const Tensor& grad_output_in, const Tensor& value_in, const Tensor& spatial_shapes_in,
                        const Tensor& level_start_index_in, const Tensor& sampling_locations_in,
                        const Tensor& attention_weights_in) {
  const Tensor value = value_in.contiguous(), spatial_shapes = spatial_shapes_in.contiguous(),
               level_start_index = level_start_index_in.contiguous(), locations = sampling_locations_in.contiguous(),
               weights = attention_weights_in.contiguous(), grad_output = grad_output_in.contiguous();
  const MsDeformAttnSizes sizes =
      CheckedMsDeformAttnSizes(value, spatial_shapes, level_start_index, locations, weights);
  CheckFits(sizes, value);
  CheckMsDeformAttnGradOutput(sizes, grad_output, value);
  const Gradients gradients = {at::empty_like(value), at::empty_like(locations), at::empty_like(weights)};
  if (value.scalar_type() == at::kFloat) {
    Backward(sizes, InputPointers<float>(value, locations, weights), grad_output, gradients);
  } else {
    Backward(sizes, InputPointers<double>(value, locations, weights), grad_output, gradients);
  }
  return gradients;
}

// The locations and weights of the plain contract.
Tensor Scale(const MsDeformAttnSizes& sizes, const Tensor& spatial_shapes, const Tensor& reference) {
  if (reference.size(-1) == 4) return reference.narrow(-1, 2, 2) * (0.5 / static_cast<double>(sizes.points));
  return spatial_shapes.flip(1).to(reference.scalar_type()).reciprocal().view({1, 1, 1, sizes.levels, 1, 2});
}

Tensor FusedForwardOnCpu(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                         const Tensor& reference_points, const Tensor& sampling_offsets,
                         const Tensor& attention_logits) {
  const MsDeformAttnSizes sizes =
      CheckedMsDeformAttnFusedSizes(value, spatial_shapes.contiguous(), level_start_index.contiguous(),
                                    reference_points, sampling_offsets, attention_logits)
          .sizes;
  const Tensor weights = attention_logits.reshape({sizes.batch, sizes.queries, sizes.heads, -1}).softmax(-1);
  const Tensor reference = reference_points.unsqueeze(2).unsqueeze(4);
  const Tensor locations = reference.narrow(-1, 0, 2) + sampling_offsets * Scale(sizes, spatial_shapes, reference);
  return ForwardOnCpu(value, spatial_shapes, level_start_index, locations,
                      weights.view({sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points}));
}

FusedGradients FusedBackwardOnCpu(const Tensor& grad_output, const Tensor& value, const Tensor& spatial_shapes,
                                  const Tensor& level_start_index, const Tensor& reference_points,
                                  const Tensor& sampling_offsets, const Tensor& attention_logits,
                                  bool reference_points_need_grad) {
  const MsDeformAttnSizes sizes =
      CheckedMsDeformAttnFusedSizes(value, spatial_shapes.contiguous(), level_start_index.contiguous(),
                                    reference_points, sampling_offsets, attention_logits)
          .sizes;
  const Tensor weights = attention_logits.reshape({sizes.batch, sizes.queries, sizes.heads, -1}).softmax(-1);
  const Tensor reference = reference_points.unsqueeze(2).unsqueeze(4);
  const Tensor scale = Scale(sizes, spatial_shapes, reference);
  const auto [grad_value, grad_locations, grad_weights] = BackwardOnCpu(
      grad_output, value, spatial_shapes, level_start_index, reference.narrow(-1, 0, 2) + sampling_offsets * scale,
      weights.view({sizes.batch, sizes.queries, sizes.heads, sizes.levels, sizes.points}));
  const Tensor grad_logits =
      at::_softmax_backward_data(grad_weights.view(weights.sizes()), weights, -1, weights.scalar_type())
          .view(attention_logits.sizes());
  Tensor grad_reference = at::empty({0}, reference_points.options());
  if (reference_points_need_grad) {
    grad_reference = grad_locations;
    if (reference.size(-1) == 4) {
      const Tensor grad_box = grad_locations * sampling_offsets * (0.5 / static_cast<double>(sizes.points));
      grad_reference = at::cat({grad_reference, grad_box}, -1);
    }
    grad_reference =
        grad_reference.sum_to_size({reference.size(0), reference.size(1), 1, reference.size(3), 1, reference.size(5)});
    grad_reference = grad_reference.view(reference_points.sizes());
  }
  return {grad_value, grad_reference, grad_locations * scale, grad_logits};
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, CPU, library) {
  library.impl("ms_deform_attn", ForwardOnCpu);
  library.impl("ms_deform_attn_backward", BackwardOnCpu);
  library.impl("ms_deform_attn_fused", FusedForwardOnCpu);
  library.impl("ms_deform_attn_fused_backward", FusedBackwardOnCpu);
}

}  // namespace ops
