#include "ops/group_attention/group_attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "ops/group_attention/group_attention_checks.h"
#include "ops/group_attention/group_attention_cpu.h"
#include "ops/group_attention/group_attention_cuda.h"
#include "ops/group_attention/group_attention_sizes.h"

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
      return body(HalfBits());
    default:
      return body(BFloat16Bits());
  }
}

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
  WithTypeOf(qkv.scalar_type(), [&](auto type) {
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
  WithTypeOf(qkv.scalar_type(), [&](auto type) {
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

Tensor CallBackward(const Tensor& grad_output, const Tensor& qkv, int64_t heads, int64_t along) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("grouppose::group_attention_backward", "")
                             .typed<decltype(CallBackward)>();
  return op.call(grad_output, qkv, heads, along);
}

class GroupAttentionFunction : public torch::autograd::Function<GroupAttentionFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& qkv, int64_t heads, int64_t along) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({qkv});
    context->saved_data["heads"] = heads;
    context->saved_data["along"] = along;
    return GroupAttention(qkv, heads, along);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad_outputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "group_attention has no second derivative");
    return {CallBackward(grad_outputs[0], context->get_saved_variables()[0], context->saved_data["heads"].toInt(),
                         context->saved_data["along"].toInt()),
            Tensor(), Tensor()};
  }
};

Tensor ForwardWithAutograd(const Tensor& qkv, int64_t heads, int64_t along) {
  return GroupAttentionFunction::apply(qkv, heads, along);
}

}  // namespace

Tensor GroupAttention(const Tensor& qkv, int64_t heads, int64_t along) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("grouppose::group_attention", "")
                             .typed<decltype(GroupAttention)>();
  return op.call(qkv, heads, along);
}

bool GroupAttentionFits(const Tensor& qkv, int64_t heads, int64_t along) {
  const GroupAttentionSizes sizes = CheckedGroupAttentionSizes(qkv, heads, along);
  if (!qkv.is_cuda()) return true;
  return qkv.scalar_type() == at::kDouble ? GroupAttentionCudaFits<double>(sizes)
                                          : GroupAttentionCudaFits<float>(sizes);
}

TORCH_LIBRARY_FRAGMENT(grouppose, library) {
  library.def("group_attention(Tensor qkv, int heads, int along) -> Tensor");
  library.def("group_attention_backward(Tensor grad_output, Tensor qkv, int heads, int along) -> Tensor");
}

TORCH_LIBRARY_IMPL(grouppose, CPU, library) {
  library.impl("group_attention", ForwardOnCpu);
  library.impl("group_attention_backward", BackwardOnCpu);
}

TORCH_LIBRARY_IMPL(grouppose, Autograd, library) { library.impl("group_attention", ForwardWithAutograd); }

}  // namespace ops
