#include "grouppose/nn/mlp.h"

#include <ATen/ops/relu.h>

#include <memory>
#include <string>

#include "base/check.h"

namespace grouppose::nn {

Mlp::Mlp(const MlpOptions& options) {
  GROUPPOSE_CHECK(options.num_layers >= 1, "an MLP needs a layer, got ", options.num_layers);
  for (int64_t i = 0; i < options.num_layers; ++i) {
    const bool last = i + 1 == options.num_layers;
    const int64_t in = i == 0 ? options.in : options.hidden;
    const int64_t out = last ? options.out : options.hidden;
    Init weight = options.xavier ? Init::XavierUniform() : UniformByFanIn(in);
    Init bias = UniformByFanIn(in);
    if (last && options.zero_last) weight = bias = Init::Zero();
    layers_.push_back(Add("layers." + std::to_string(i), std::make_unique<Linear>(in, out, weight, bias)));
  }
}

at::Tensor Mlp::Forward(const at::Tensor& input) const {
  at::Tensor x = layers_[0]->Forward(input);
  for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i]->Forward(at::relu(x));
  return x;
}

}  // namespace grouppose::nn
