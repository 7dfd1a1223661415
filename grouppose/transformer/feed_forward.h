// The last sub-layer of an encoder or decoder layer.
#ifndef GROUPPOSE_TRANSFORMER_FEED_FORWARD_H_
#define GROUPPOSE_TRANSFORMER_FEED_FORWARD_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "grouppose/nn/linear.h"
#include "grouppose/nn/module.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/transformer/options.h"

namespace grouppose {

// norm2(x + linear2(activation(linear1(x)))), with dropout behind the activation and in front of the residual.
// Parameters "linear1.*", "linear2.*", "norm2.*".
class FeedForward : public nn::Module {
 public:
  FeedForward(int64_t hidden_dim, int64_t feedforward_dim, double dropout, Activation activation);

  // [..., hidden] -> the same shape
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  double dropout_;
  Activation activation_;
  nn::Linear* linear1_;
  nn::Linear* linear2_;
  nn::LayerNorm* norm2_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_FEED_FORWARD_H_
