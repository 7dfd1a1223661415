#include "grouppose/nn/convolution.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>

#include "base/check.h"

namespace grouppose::nn {

Conv2d::Conv2d(const Conv2dOptions& options)
    : options_(options),
      weight_(AddParameter("weight", {options.out, options.in, options.kernel, options.kernel}, options.weight_init)) {
  if (options.bias) bias_ = AddParameter("bias", {options.out}, options.bias_init);
}

at::Tensor Conv2d::Forward(const at::Tensor& input) const {
  return at::conv2d(input, weight_, bias_, options_.stride, options_.padding, options_.dilation);
}

at::Tensor Conv2d::ForwardScaled(const at::Tensor& input, const at::Tensor& scale, const at::Tensor& shift) const {
  GROUPPOSE_CHECK(!options_.bias, "a convolution with a bias of its own takes no shift");
  if (at::GradMode::is_enabled() && weight_.requires_grad()) {
    // in the order of the official code: another rounding here flips units behind a ReLU, and the gradients of a whole
    // network then differ in the third digit
    const at::Tensor output = at::conv2d(input, weight_, {}, options_.stride, options_.padding, options_.dilation);
    return output * scale.view({-1, 1, 1}) + shift.view({-1, 1, 1});
  }
  // the scale goes into the weights: one pass over the feature map less
  return at::conv2d(input, weight_ * scale.view({-1, 1, 1, 1}), shift, options_.stride, options_.padding,
                    options_.dilation);
}

}  // namespace grouppose::nn
