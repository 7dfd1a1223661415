#include "ops/ms_deform_attn/ms_deform_attn.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <tuple>

#include "ops/ms_deform_attn/ms_deform_attn_checks.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"
#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;

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

// Under autocast the operator works in float32: half precision cannot address the pixels of a large level.
template <c10::DispatchKey kKey, c10::DeviceType kDevice>
Tensor ForwardWithAutocast(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                           const Tensor& sampling_locations, const Tensor& attention_weights) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(kKey);
  const auto cast = [](const Tensor& tensor) { return at::autocast::cached_cast(at::kFloat, tensor, kDevice); };
  return MsDeformAttn(cast(value), spatial_shapes, level_start_index, cast(sampling_locations),
                      cast(attention_weights));
}

}  // namespace

Tensor MsDeformAttn(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                    const Tensor& sampling_locations, const Tensor& attention_weights) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("grouppose::ms_deform_attn", "").typed<decltype(MsDeformAttn)>();
  return op.call(value, spatial_shapes, level_start_index, sampling_locations, attention_weights);
}

TORCH_LIBRARY(grouppose, library) {
  library.def(
      "ms_deform_attn(Tensor value, Tensor spatial_shapes, Tensor level_start_index, Tensor sampling_locations, "
      "Tensor attention_weights) -> Tensor");
  library.def(
      "ms_deform_attn_backward(Tensor grad_output, Tensor value, Tensor spatial_shapes, Tensor level_start_index, "
      "Tensor sampling_locations, Tensor attention_weights) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(grouppose, CPU, library) {
  library.impl("ms_deform_attn", ForwardOnCpu);
  library.impl("ms_deform_attn_backward", BackwardOnCpu);
}

TORCH_LIBRARY_IMPL(grouppose, Autograd, library) { library.impl("ms_deform_attn", ForwardWithAutograd); }

TORCH_LIBRARY_IMPL(grouppose, AutocastCPU, library) {
  library.impl("ms_deform_attn", ForwardWithAutocast<c10::DispatchKey::AutocastCPU, c10::DeviceType::CPU>);
}

TORCH_LIBRARY_IMPL(grouppose, AutocastCUDA, library) {
  library.impl("ms_deform_attn", ForwardWithAutocast<c10::DispatchKey::AutocastCUDA, c10::DeviceType::CUDA>);
}

}  // namespace ops
