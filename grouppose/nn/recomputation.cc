#include "grouppose/nn/recomputation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>
#include <vector>

namespace grouppose::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using ForwardFunction = std::function<at::Tensor(const at::Tensor&)>;

struct Holder : torch::CustomClassHolder {
  explicit Holder(ForwardFunction function) : forward(std::move(function)) {}
  ForwardFunction forward;
};

constexpr const char kForward[] = "forward";

// Inputs: the input, then the parameters that are trained.
class Recomputation : public torch::autograd::Function<Recomputation> {
 public:
  static at::Tensor forward(AutogradContext* context, at::TensorList inputs, const ForwardFunction& forward) {
    context->save_for_backward(inputs.vec());
    context->saved_data[kForward] = at::IValue::make_capsule(c10::make_intrusive<Holder>(forward));
    return forward(inputs[0]);
  }

  static variable_list backward(AutogradContext* context, const variable_list& arriving) {
    const ForwardFunction& forward = static_cast<Holder*>(context->saved_data[kForward].toCapsule().get())->forward;
    variable_list inputs = context->get_saved_variables();
    const bool input_is_trained = inputs[0].requires_grad();
    inputs[0] = inputs[0].detach().set_requires_grad(true);
    at::Tensor output;
    {
      const at::AutoGradMode with_gradients(true);
      output = forward(inputs[0]);
    }
    variable_list gradients = torch::autograd::grad({output}, inputs, arriving, /*retain_graph=*/std::nullopt,
                                                    /*create_graph=*/false, /*allow_unused=*/true);
    if (!input_is_trained) gradients[0].reset();
    gradients.emplace_back();  // nothing for `forward`
    return gradients;
  }
};

}  // namespace

at::Tensor Recomputed(const Module& module, const at::Tensor& input, const ForwardFunction& forward) {
  if (!at::GradMode::is_enabled()) return forward(input);
  std::vector<at::Tensor> inputs = {input};
  for (const NamedTensor& named : module.Parameters()) {
    if (named.tensor.requires_grad()) inputs.push_back(named.tensor);
  }
  return Recomputation::apply(at::TensorList(inputs), forward);
}

}  // namespace grouppose::nn
