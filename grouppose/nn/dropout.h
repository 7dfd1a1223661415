// Dropout of activations (Srivastava et al. 2014).
#ifndef GROUPPOSE_NN_DROPOUT_H_
#define GROUPPOSE_NN_DROPOUT_H_

#include <ATen/core/Tensor.h>

namespace grouppose::nn {

// Zeroes each element with `probability` and scales the others by 1 / (1 - probability). The identity, without a copy,
// where the probability is 0 (the published configurations) or `training` is false. It draws from torch's default
// generator: train/loop.h seeds it at every step.
at::Tensor Dropout(const at::Tensor& input, double probability, bool training);

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_DROPOUT_H_
