#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "grouppose/nn/convolution.h"
#include "grouppose/nn/dropout.h"
#include "grouppose/nn/inverse_sigmoid.h"
#include "grouppose/nn/mlp.h"
#include "grouppose/nn/module.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::nn {
namespace {

using testing::Near;
using testing::RecipeTensor;

std::map<std::string, at::Tensor> Tensors(const Module& module) {
  std::map<std::string, at::Tensor> tensors;
  for (const NamedTensor& named : module.NamedTensors()) tensors[named.name] = named.tensor.detach();
  return tensors;
}

TEST(Mlp, IsLinearLayersWithReluBetween) {
  MlpOptions options;
  options.in = 3;
  options.hidden = 5;
  options.out = 2;
  options.num_layers = 3;
  Mlp mlp(options);
  testing::FillByRecipe(mlp, 1);
  const auto w = Tensors(mlp);
  ASSERT_EQ(w.size(), 6u);
  const at::Tensor x = RecipeTensor("x", {4, 3}, 1);
  const auto layer = [&](const at::Tensor& in, const std::string& name) {
    return in.matmul(w.at(name + ".weight").t()) + w.at(name + ".bias");
  };
  const at::Tensor expected = layer(layer(layer(x, "layers.0").relu(), "layers.1").relu(), "layers.2");
  EXPECT_TRUE(Near(mlp.Forward(x).detach(), expected, 1e-6));
}

TEST(Mlp, StartsInTheRangesOfTheOfficialCode) {
  MlpOptions options;
  options.in = 64;
  options.hidden = 128;
  options.out = 4;
  options.num_layers = 2;
  options.zero_last = true;
  Mlp mlp(options);
  Initialise(mlp, 7);
  auto w = Tensors(mlp);
  // U(-1/8, 1/8): inside, and filling most of it
  EXPECT_LE(w["layers.0.weight"].abs().max().item<float>(), 0.125f);
  EXPECT_GT(w["layers.0.weight"].abs().max().item<float>(), 0.12f);
  EXPECT_GT(w["layers.0.bias"].abs().max().item<float>(), 0.1f);
  EXPECT_EQ(w["layers.1.weight"].abs().max().item<float>(), 0);
  EXPECT_EQ(w["layers.1.bias"].abs().max().item<float>(), 0);

  options.zero_last = false;
  options.xavier = true;
  Mlp xavier(options);
  Initialise(xavier, 7);
  w = Tensors(xavier);
  const float bound = std::sqrt(6.0f / (64 + 128));
  EXPECT_LE(w["layers.0.weight"].abs().max().item<float>(), bound);
  EXPECT_GT(w["layers.0.weight"].abs().max().item<float>(), 0.97f * bound);
  EXPECT_NEAR(w["layers.0.weight"].square().mean().item<float>(), bound * bound / 3, 0.05f * bound * bound / 3);
}

TEST(FrozenBatchNorm, EqualsBatchNormWithRunningStatistics) {
  Conv2dOptions options;
  options.in = 3;
  options.out = 8;
  options.kernel = 3;
  options.padding = 1;
  options.stride = 2;
  options.bias = false;
  Conv2d convolution(options);
  FrozenBatchNorm norm(8);
  testing::FillByRecipe(convolution, 1);
  testing::FillByRecipe(norm, 1);
  const at::Tensor x = RecipeTensor("x", {2, 3, 7, 9}, 1);
  const FrozenBatchNorm::Affine affine = norm.AsAffine();
  const at::Tensor trained = convolution.ForwardScaled(x, affine.scale, affine.shift);
  ASSERT_EQ(trained.sizes(), (at::IntArrayRef{2, 8, 4, 5}));
  const at::NoGradGuard no_grad;
  const at::Tensor folded = convolution.ForwardScaled(x, affine.scale, affine.shift);
  ASSERT_EQ(folded.sizes(), trained.sizes());
  auto w = Tensors(norm);
  const at::Tensor expected = at::batch_norm(convolution.Forward(x), w["weight"], w["bias"], w["running_mean"],
                                             w["running_var"], /*training=*/false, 0, 1e-5, false);
  EXPECT_TRUE(Near(trained.detach(), expected, 2e-6));
  EXPECT_TRUE(Near(folded, expected, 2e-6));
  for (const NamedTensor& named : norm.NamedTensors()) {
    EXPECT_FALSE(named.is_parameter) << named.name;
    EXPECT_FALSE(named.tensor.requires_grad()) << named.name;
  }
}

TEST(GroupNorm, RefusesChannelsThatDoNotDivide) { EXPECT_THROW(GroupNorm(5, 12), base::CheckError); }

TEST(InverseSigmoid, IsTheLogitWithAnEdge) {
  const at::Tensor x = at::tensor({-0.5, 0.0, 0.0005, 0.25, 0.5, 1.0, 2.0}, at::kFloat);
  const double edge = std::log(1.0 / 1e-3), quarter = std::log(0.25 / 0.75);
  const at::Tensor expected =
      at::tensor({-edge, -edge, std::log(1e-3 / (1 - 0.0005)), quarter, 0.0, edge, edge}, at::kDouble).to(at::kFloat);
  EXPECT_TRUE(Near(InverseSigmoid(x), expected, 1e-5));
}

TEST(Dropout, KeepsTheMeanAndIsOffOutsideTraining) {
  const at::Tensor x = at::ones({1000});
  EXPECT_TRUE(Dropout(x, 0.5, false).is_same(x));
  EXPECT_TRUE(Dropout(x, 0, true).is_same(x));
  const at::Tensor dropped = Dropout(x, 0.25, true);
  const int64_t zeros = dropped.eq(0).sum().item<int64_t>();
  // 250 expected, standard deviation 14
  EXPECT_GT(zeros, 150);
  EXPECT_LT(zeros, 350);
  EXPECT_NEAR(dropped.max().item<float>(), 1 / 0.75f, 1e-6);
}

}  // namespace
}  // namespace grouppose::nn
