#include "grouppose/nn/linear.h"

#include <ATen/ops/linear.h>

#include <cmath>
#include <utility>

namespace grouppose::nn {

Init UniformByFanIn(int64_t fan_in) { return Init::Uniform(1 / std::sqrt(static_cast<double>(fan_in))); }

Linear::Linear(int64_t in, int64_t out, Init weight, std::optional<Init> bias)
    : weight_(AddParameter("weight", {out, in}, std::move(weight))) {
  if (bias.has_value()) bias_ = AddParameter("bias", {out}, *std::move(bias));
}

at::Tensor Linear::Forward(const at::Tensor& input) const { return at::linear(input, weight_, bias_); }

}  // namespace grouppose::nn
