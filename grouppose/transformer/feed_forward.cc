#include "grouppose/transformer/feed_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/selu.h>

#include <memory>

#include "base/check.h"
#include "grouppose/nn/dropout.h"

namespace grouppose {
namespace {

at::Tensor Activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kSelu:
      return at::selu(x);
  }
  GROUPPOSE_CHECK(false, "no activation ", static_cast<int>(activation));
  return {};
}

}  // namespace

FeedForward::FeedForward(int64_t hidden_dim, int64_t feedforward_dim, double dropout, Activation activation)
    : dropout_(dropout),
      activation_(activation),
      linear1_(Add("linear1", std::make_unique<nn::Linear>(hidden_dim, feedforward_dim, nn::Init::XavierUniform(),
                                                           nn::UniformByFanIn(hidden_dim)))),
      linear2_(Add("linear2", std::make_unique<nn::Linear>(feedforward_dim, hidden_dim, nn::Init::XavierUniform(),
                                                           nn::UniformByFanIn(feedforward_dim)))),
      norm2_(Add("norm2", std::make_unique<nn::LayerNorm>(hidden_dim))) {}

at::Tensor FeedForward::Forward(const at::Tensor& input) const {
  const at::Tensor inner = nn::Dropout(Activate(linear1_->Forward(input), activation_), dropout_, training());
  return norm2_->Forward(input + nn::Dropout(linear2_->Forward(inner), dropout_, training()));
}

}  // namespace grouppose
