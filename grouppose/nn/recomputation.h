// Gradient checkpointing: memory for time.
//
// Chen et al. 2016, "Training deep nets with sublinear memory cost".
#ifndef GROUPPOSE_NN_RECOMPUTATION_H_
#define GROUPPOSE_NN_RECOMPUTATION_H_

#include <ATen/core/Tensor.h>

#include <functional>

#include "grouppose/nn/module.h"

namespace grouppose::nn {

// forward(input), of which only `input` is kept: the backward pass computes it again. Values and gradients are the same
// to the bit.
//   module    whose parameters `forward` reads; it outlives the backward pass
//   forward   a function of its input and those parameters; it draws nothing at random and holds what it needs by value
at::Tensor Recomputed(const Module& module, const at::Tensor& input,
                      const std::function<at::Tensor(const at::Tensor&)>& forward);

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_RECOMPUTATION_H_
