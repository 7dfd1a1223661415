// A 2-D convolution with a square kernel.
#ifndef GROUPPOSE_NN_CONVOLUTION_H_
#define GROUPPOSE_NN_CONVOLUTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "grouppose/nn/module.h"

namespace grouppose::nn {

struct Conv2dOptions {
  int64_t in = 0, out = 0;
  int64_t kernel = 1, stride = 1, padding = 0, dilation = 1;
  bool bias = true;
  Init weight_init = Init::KaimingNormalFanOut();
  Init bias_init = Init::Zero();
};

// "weight" [out, in, kernel, kernel], "bias" [out] where it has one.
class Conv2d : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);

  // [batch, in, height, width] -> [batch, out, height', width'], height' = (height + 2 padding - dilation (kernel - 1)
  // - 1) / stride + 1.
  at::Tensor Forward(const at::Tensor& input) const;

  // The same convolution followed by a fixed affine map of each output channel: scale[c] * y + shift[c].
  at::Tensor ForwardScaled(const at::Tensor& input, const at::Tensor& scale, const at::Tensor& shift) const;

 private:
  Conv2dOptions options_;
  at::Tensor weight_, bias_;
};

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_CONVOLUTION_H_
