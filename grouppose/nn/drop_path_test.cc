#include "grouppose/nn/drop_path.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/check.h"

namespace grouppose::nn {
namespace {

TEST(DropPathScales, DropWithTheirProbabilityAndKeepTheMean) {
  at::manual_seed(1);
  constexpr int64_t kImages = 20000;
  const std::vector<double> probabilities = {0, 0.25, 0.5, 0.875};
  const at::Tensor scales = DropPathScales(probabilities, kImages);
  ASSERT_EQ(scales.sizes(), (at::IntArrayRef{4, kImages}));
  for (int64_t i = 0; i < 4; ++i) {
    const double p = probabilities[i];
    const at::Tensor dropped = scales[i].eq(0);
    EXPECT_TRUE((dropped | scales[i].eq(1 / (1 - p))).all().item<bool>()) << p;
    // six deviations
    EXPECT_NEAR(dropped.to(at::kDouble).mean().item<double>(), p, 6 * std::sqrt(p * (1 - p) / kImages));
  }
}

TEST(DropPathScales, DependOnTheGeneratorsSeed) {
  const auto draw = [](uint64_t seed) {
    at::manual_seed(seed);
    return DropPathScales({0.5, 0.5}, 64);
  };
  EXPECT_TRUE(draw(3).equal(draw(3)));
  EXPECT_FALSE(draw(3).equal(draw(4)));
  // branches do not drop the same images
  EXPECT_FALSE(draw(3)[0].equal(draw(3)[1]));
}

TEST(DropPathScales, RefuseABranchThatIsNeverThere) { EXPECT_THROW(DropPathScales({0.5, 1}, 2), base::CheckError); }

TEST(DropPath, ScalesWholeImages) {
  const at::Tensor branch = at::ones({2, 3, 4});
  const at::Tensor scaled = DropPath(branch, at::tensor({0.0f, 2.0f}));
  EXPECT_TRUE(scaled[0].eq(0).all().item<bool>());
  EXPECT_TRUE(scaled[1].eq(2).all().item<bool>());
  EXPECT_TRUE(DropPath(branch, {}).is_same(branch));
}

}  // namespace
}  // namespace grouppose::nn
