// Shapes without data: what FakeTensor and torch.compile ask. Sizes may be symbols; the levels' shapes have no values
// here, so what depends on them is checked when the operator runs.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <tuple>

namespace ops {
namespace {

using at::Tensor;

// `points` has [batch, queries, heads, levels, points] as its first dimensions.
void CheckDimensions(const Tensor& value, const Tensor& points, int64_t dimensions) {
  TORCH_CHECK(value.dim() == 4 && points.dim() == dimensions, "ms_deform_attn: value has ", value.dim(),
              " dimensions and the points have ", points.dim(), ", expected 4 and ", dimensions);
}

Tensor OutputLike(const Tensor& value, const Tensor& points) {
  return at::empty_symint({value.sym_size(0), points.sym_size(1), value.sym_size(2) * value.sym_size(3)},
                          value.options());
}

// Gradients are dense, however their inputs lie.
Tensor GradientOf(const Tensor& tensor) { return at::empty_symint(tensor.sym_sizes(), tensor.options()); }

Tensor ForwardOnMeta(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                     const Tensor& sampling_locations, const Tensor& attention_weights) {
  CheckDimensions(value, sampling_locations, 6);
  return OutputLike(value, sampling_locations);
}

std::tuple<Tensor, Tensor, Tensor> BackwardOnMeta(const Tensor& grad_output, const Tensor& value,
                                                  const Tensor& spatial_shapes, const Tensor& level_start_index,
                                                  const Tensor& sampling_locations, const Tensor& attention_weights) {
  CheckDimensions(value, sampling_locations, 6);
  return {GradientOf(value), GradientOf(sampling_locations), GradientOf(attention_weights)};
}

Tensor FusedForwardOnMeta(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                          const Tensor& reference_points, const Tensor& sampling_offsets,
                          const Tensor& attention_logits) {
  CheckDimensions(value, sampling_offsets, 6);
  return OutputLike(value, sampling_offsets);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> FusedBackwardOnMeta(
    const Tensor& grad_output, const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
    const Tensor& reference_points, const Tensor& sampling_offsets, const Tensor& attention_logits,
    bool reference_points_need_grad) {
  CheckDimensions(value, sampling_offsets, 6);
  return {GradientOf(value),
          reference_points_need_grad ? GradientOf(reference_points) : at::empty({0}, reference_points.options()),
          GradientOf(sampling_offsets), GradientOf(attention_logits)};
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, Meta, library) {
  library.impl("ms_deform_attn", ForwardOnMeta);
  library.impl("ms_deform_attn_backward", BackwardOnMeta);
  library.impl("ms_deform_attn_fused", FusedForwardOnMeta);
  library.impl("ms_deform_attn_fused_backward", FusedBackwardOnMeta);
}

}  // namespace ops
