#include "grouppose/transformer/feed_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>

#include <memory>

#include "grouppose/nn/dropout.h"

namespace grouppose {

FeedForward::FeedForward(int64_t hidden_dim, int64_t feedforward_dim, double dropout)
    : dropout_(dropout),
      linear1_(Add("linear1", std::make_unique<nn::Linear>(hidden_dim, feedforward_dim, nn::Init::XavierUniform(),
                                                           nn::UniformByFanIn(hidden_dim)))),
      linear2_(Add("linear2", std::make_unique<nn::Linear>(feedforward_dim, hidden_dim, nn::Init::XavierUniform(),
                                                           nn::UniformByFanIn(feedforward_dim)))),
      norm2_(Add("norm2", std::make_unique<nn::LayerNorm>(hidden_dim))) {}

at::Tensor FeedForward::Forward(const at::Tensor& input) const {
  const at::Tensor inner = nn::Dropout(at::relu(linear1_->Forward(input)), dropout_, training());
  return norm2_->Forward(input + nn::Dropout(linear2_->Forward(inner), dropout_, training()));
}

}  // namespace grouppose
