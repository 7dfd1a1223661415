#include "ops/group_attention/group_attention.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/group_attention/group_attention_checks.h"
#include "ops/group_attention/group_attention_cuda.h"
#include "ops/group_attention/group_attention_sizes.h"

namespace ops {
namespace {

using at::Tensor;

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

TORCH_LIBRARY_IMPL(grouppose, Autograd, library) { library.impl("group_attention", ForwardWithAutograd); }

}  // namespace ops
