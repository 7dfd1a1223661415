#include "grouppose/nn/dropout.h"

#include <ATen/ops/dropout.h>

namespace grouppose::nn {

at::Tensor Dropout(const at::Tensor& input, double probability, bool training) {
  return training && probability > 0 ? at::dropout(input, probability, /*train=*/true) : input;
}

}  // namespace grouppose::nn
