#include "ops/ms_deform_attn/ms_deform_attn.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <tuple>

namespace ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;
using FusedGradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;

Gradients CallBackward(const Tensor& grad_output, const Tensor& value, const Tensor& spatial_shapes,
                       const Tensor& level_start_index, const Tensor& sampling_locations,
                       const Tensor& attention_weights) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("grouppose::ms_deform_attn_backward", "")
                             .typed<decltype(CallBackward)>();
  return op.call(grad_output, value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
}

class MsDeformAttnFunction : public torch::autograd::Function<MsDeformAttnFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& value, const Tensor& spatial_shapes,
                        const Tensor& level_start_index, const Tensor& sampling_locations,
                        const Tensor& attention_weights) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights});
    return MsDeformAttn(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad_outputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "ms_deform_attn has no second derivative");
    const auto saved = context->get_saved_variables();
    auto [value, locations, weights] = CallBackward(grad_outputs[0], saved[0], saved[1], saved[2], saved[3], saved[4]);
    return {value, Tensor(), Tensor(), locations, weights};
  }
};

Tensor ForwardWithAutograd(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                           const Tensor& sampling_locations, const Tensor& attention_weights) {
  return MsDeformAttnFunction::apply(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
}

FusedGradients CallFusedBackward(const Tensor& grad_output, const Tensor& value, const Tensor& spatial_shapes,
                                 const Tensor& level_start_index, const Tensor& reference_points,
                                 const Tensor& sampling_offsets, const Tensor& attention_logits,
                                 bool reference_points_need_grad) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("grouppose::ms_deform_attn_fused_backward", "")
                             .typed<decltype(CallFusedBackward)>();
  return op.call(grad_output, value, spatial_shapes, level_start_index, reference_points, sampling_offsets,
                 attention_logits, reference_points_need_grad);
}

class MsDeformAttnFusedFunction : public torch::autograd::Function<MsDeformAttnFusedFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& value, const Tensor& spatial_shapes,
                        const Tensor& level_start_index, const Tensor& reference_points, const Tensor& sampling_offsets,
                        const Tensor& attention_logits) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward(
        {value, spatial_shapes, level_start_index, reference_points, sampling_offsets, attention_logits});
    return MsDeformAttnFused(value, spatial_shapes, level_start_index, reference_points, sampling_offsets,
                             attention_logits);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad_outputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "ms_deform_attn_fused has no second derivative");
    const auto saved = context->get_saved_variables();
    const bool reference_points_need_grad = context->needs_input_grad(3);
    auto [value, reference_points, offsets, logits] = CallFusedBackward(
        grad_outputs[0], saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], reference_points_need_grad);
    if (!reference_points_need_grad) reference_points = Tensor();
    return {value, Tensor(), Tensor(), reference_points, offsets, logits};
  }
};

Tensor FusedForwardWithAutograd(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                                const Tensor& reference_points, const Tensor& sampling_offsets,
                                const Tensor& attention_logits) {
  return MsDeformAttnFusedFunction::apply(value, spatial_shapes, level_start_index, reference_points, sampling_offsets,
                                          attention_logits);
}

// Under autocast the operator works in float32: half precision cannot address the pixels of a large level.
template <c10::DispatchKey kKey, c10::DeviceType kDevice>
Tensor ForwardWithAutocast(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                           const Tensor& sampling_locations, const Tensor& attention_weights) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(kKey);
  const auto cast = [](const Tensor& tensor) { return at::autocast::cached_cast(at::kFloat, tensor, kDevice); };
  return MsDeformAttn(cast(value), spatial_shapes, level_start_index, cast(sampling_locations),
                      cast(attention_weights));
}

template <c10::DispatchKey kKey, c10::DeviceType kDevice>
Tensor FusedForwardWithAutocast(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                                const Tensor& reference_points, const Tensor& sampling_offsets,
                                const Tensor& attention_logits) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(kKey);
  const auto cast = [](const Tensor& tensor) { return at::autocast::cached_cast(at::kFloat, tensor, kDevice); };
  return MsDeformAttnFused(cast(value), spatial_shapes, level_start_index, cast(reference_points),
                           cast(sampling_offsets), cast(attention_logits));
}

}  // namespace

Tensor MsDeformAttn(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                    const Tensor& sampling_locations, const Tensor& attention_weights) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("grouppose::ms_deform_attn", "").typed<decltype(MsDeformAttn)>();
  return op.call(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
}

Tensor MsDeformAttnFused(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                         const Tensor& reference_points, const Tensor& sampling_offsets,
                         const Tensor& attention_logits) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("grouppose::ms_deform_attn_fused", "")
                             .typed<decltype(MsDeformAttnFused)>();
  return op.call(value, spatial_shapes, level_start_index, reference_points, sampling_offsets, attention_logits);
}

TORCH_LIBRARY(grouppose, library) {
  library.def(
      "ms_deform_attn(Tensor value, Tensor spatial_shapes, Tensor level_start_index, Tensor sampling_locations, "
      "Tensor attention_weights) -> Tensor");
  library.def(
      "ms_deform_attn_backward(Tensor grad_output, Tensor value, Tensor spatial_shapes, Tensor level_start_index, "
      "Tensor sampling_locations, Tensor attention_weights) -> (Tensor, Tensor, Tensor)");
  library.def(
      "ms_deform_attn_fused(Tensor value, Tensor spatial_shapes, Tensor level_start_index, Tensor reference_points, "
      "Tensor sampling_offsets, Tensor attention_logits) -> Tensor");
  // the gradients of value, reference_points, sampling_offsets and attention_logits; an unwanted second one is empty
  library.def(
      "ms_deform_attn_fused_backward(Tensor grad_output, Tensor value, Tensor spatial_shapes, "
      "Tensor level_start_index, Tensor reference_points, Tensor sampling_offsets, Tensor attention_logits, "
      "bool reference_points_need_grad=True) -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(grouppose, Autograd, library) {
  library.impl("ms_deform_attn", ForwardWithAutograd);
  library.impl("ms_deform_attn_fused", FusedForwardWithAutograd);
}

TORCH_LIBRARY_IMPL(grouppose, AutocastCPU, library) {
  library.impl("ms_deform_attn", ForwardWithAutocast<c10::DispatchKey::AutocastCPU, c10::DeviceType::CPU>);
  library.impl("ms_deform_attn_fused", FusedForwardWithAutocast<c10::DispatchKey::AutocastCPU, c10::DeviceType::CPU>);
}

TORCH_LIBRARY_IMPL(grouppose, AutocastCUDA, library) {
  library.impl("ms_deform_attn", ForwardWithAutocast<c10::DispatchKey::AutocastCUDA, c10::DeviceType::CUDA>);
  library.impl("ms_deform_attn_fused", FusedForwardWithAutocast<c10::DispatchKey::AutocastCUDA, c10::DeviceType::CUDA>);
}

}  // namespace ops
