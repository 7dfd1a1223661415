#include "grouppose/transformer/feed_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

// By definition, in float64.
double Activate(double x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kGelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kSelu:
      // Klambauer et al. 2017, "Self-normalizing neural networks", equation 2
      return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
  }
  return 0;
}

TEST(FeedForward, AppliesItsActivation) {
  const at::NoGradGuard no_grad;
  constexpr int64_t kHidden = 8, kInner = 6;
  for (const Activation activation : {Activation::kRelu, Activation::kGelu, Activation::kSelu}) {
    FeedForward block(kHidden, kInner, 0, activation);
    testing::FillByRecipe(block, 5);
    const at::Tensor input = testing::RecipeTensor("input", {3, kHidden}, 2);
    std::map<std::string, at::Tensor> tensors;
    for (const nn::NamedTensor& named : block.StateDict()) tensors[named.name] = named.tensor.to(at::kDouble);
    // linear1, the activation one by one, linear2, the residual
    at::Tensor inner = input.to(at::kDouble).matmul(tensors["linear1.weight"].t()) + tensors["linear1.bias"];
    double* values = inner.mutable_data_ptr<double>();
    for (int64_t i = 0; i < inner.numel(); ++i) values[i] = Activate(values[i], activation);
    const at::Tensor x = input.to(at::kDouble) + inner.matmul(tensors["linear2.weight"].t()) + tensors["linear2.bias"];
    // the norm
    const at::Tensor mean = x.mean(-1, true), centred = x - mean;
    const at::Tensor expected =
        centred / ((centred * centred).mean(-1, true) + 1e-5).sqrt() * tensors["norm2.weight"] + tensors["norm2.bias"];
    EXPECT_TRUE(testing::Near(block.Forward(input).to(at::kDouble), expected, 1e-5)) << static_cast<int>(activation);
  }
}

}  // namespace
}  // namespace grouppose
