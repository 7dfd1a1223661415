#include "grouppose/nn/inverse_sigmoid.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rsub.h>

namespace grouppose::nn {

at::Tensor InverseSigmoid(const at::Tensor& x) {
  constexpr double kEpsilon = 1e-3;
  const at::Tensor inside = x.clamp(0, 1);
  return (inside.clamp_min(kEpsilon) / at::rsub(inside, 1).clamp_min(kEpsilon)).log();
}

}  // namespace grouppose::nn
