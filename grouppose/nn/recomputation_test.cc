#include "grouppose/nn/recomputation.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tanh.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "grouppose/nn/linear.h"

namespace grouppose::nn {
namespace {

at::Tensor Input() { return at::arange(8, at::kFloat).view({2, 4}) / 8; }

struct Result {
  at::Tensor output, input_gradient;
  std::map<std::string, at::Tensor> gradients;
  int forwards = 0;  // in both passes
};

// tanh(linear(x)) twice, as one graph or recomputed; the second use takes the first's output.
Result Compute(bool recompute, bool input_is_trained, bool bias_is_trained) {
  Linear linear(4, 4);
  Initialise(linear, 1);
  at::Tensor bias = linear.bias();
  bias.set_requires_grad(bias_is_trained);
  Result result;
  const auto forward = [&](const at::Tensor& x) {
    ++result.forwards;
    return at::tanh(linear.Forward(x));
  };
  const at::Tensor input = Input().set_requires_grad(input_is_trained);
  const at::Tensor first = recompute ? Recomputed(linear, input, forward) : forward(input);
  result.output = recompute ? Recomputed(linear, first, forward) : forward(first);
  result.output.square().sum().backward();
  result.input_gradient = input.grad();
  for (const NamedTensor& named : linear.Parameters()) result.gradients[named.name] = named.tensor.grad();
  return result;
}

TEST(Recomputed, HasTheSameValuesAndGradients) {
  for (bool input_is_trained : {false, true}) {
    for (bool bias_is_trained : {false, true}) {
      const Result plain = Compute(false, input_is_trained, bias_is_trained);
      const Result again = Compute(true, input_is_trained, bias_is_trained);
      EXPECT_EQ(plain.forwards, 2);
      EXPECT_EQ(again.forwards, 4);
      EXPECT_TRUE(plain.output.equal(again.output));
      ASSERT_EQ(again.input_gradient.defined(), input_is_trained);
      if (input_is_trained) {
        EXPECT_TRUE(plain.input_gradient.equal(again.input_gradient));
      }
      EXPECT_TRUE(plain.gradients.at("weight").equal(again.gradients.at("weight")));
      ASSERT_EQ(again.gradients.at("bias").defined(), bias_is_trained);
      if (bias_is_trained) {
        EXPECT_TRUE(plain.gradients.at("bias").equal(again.gradients.at("bias")));
      }
    }
  }
}

TEST(Recomputed, IsAPlainCallWithoutGradients) {
  Linear linear(4, 4);
  Initialise(linear, 1);
  const at::NoGradGuard no_grad;
  const auto forward = [&](const at::Tensor& x) { return linear.Forward(x); };
  EXPECT_FALSE(Recomputed(linear, Input(), forward).requires_grad());
}

}  // namespace
}  // namespace grouppose::nn
