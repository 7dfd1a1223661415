#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <string>

#include "base/check.h"
#include "grouppose/backbone/backbone.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

TEST(SmallResNet, LevelsHaveTheirChannelsAndStrides) {
  const auto backbone = MakeBackbone(SmallResNetOptions{});
  nn::Initialise(*backbone, 1);
  EXPECT_EQ(backbone->channels(), (std::vector<int64_t>{32, 64, 96}));
  EXPECT_EQ(backbone->strides(), (std::vector<int64_t>{4, 8, 16}));
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{64, 64}, {57, 33}, {1, 16}}) {
    const std::vector<at::Tensor> levels = backbone->Forward(testing::RecipeTensor("images", {2, 3, height, width}, 1));
    ASSERT_EQ(levels.size(), 3u);
    for (size_t i = 0; i < levels.size(); ++i) {
      const int64_t stride = backbone->strides()[i];
      EXPECT_EQ(levels[i].sizes(), (at::IntArrayRef{2, backbone->channels()[i], (height + stride - 1) / stride,
                                                    (width + stride - 1) / stride}));
      EXPECT_TRUE(levels[i].isfinite().all().item<bool>());
    }
  }
}

TEST(SmallResNet, EveryParameterLearns) {
  SmallResNetOptions options;
  options.stem_channels = 8;
  options.stage_channels = {8, 16};
  options.blocks_per_stage = 3;
  options.groups = 4;
  const auto backbone = MakeBackbone(options);
  nn::Initialise(*backbone, 1);
  const std::vector<at::Tensor> levels = backbone->Forward(testing::RecipeTensor("images", {1, 3, 32, 24}, 1));
  ASSERT_EQ(levels.size(), 2u);
  (levels[0] * testing::RecipeTensor("probe0", levels[0].sizes(), 1)).sum().backward({}, /*retain_graph=*/true);
  (levels[1] * testing::RecipeTensor("probe1", levels[1].sizes(), 1)).sum().backward();
  int64_t convolutions = 0;
  for (const nn::NamedTensor& named : backbone->Parameters()) {
    ASSERT_TRUE(named.tensor.grad().defined()) << named.name;
    EXPECT_GT(named.tensor.grad().abs().max().item<float>(), 0) << named.name;
    if (named.tensor.dim() == 4) ++convolutions;
  }
  // the stem, two stages of three blocks of two, two shortcuts
  EXPECT_EQ(convolutions, 1 + 2 * 3 * 2 + 2);
}

TEST(SmallResNet, StagesKeepTheScaleOfTheirInput) {
  const auto backbone = MakeBackbone(SmallResNetOptions{});
  nn::Initialise(*backbone, 1);
  for (const at::Tensor& level : backbone->Forward(testing::RecipeTensor("images", {2, 3, 64, 64}, 1))) {
    const double deviation = level.std().item<double>();
    EXPECT_GT(deviation, 0.2);
    EXPECT_LT(deviation, 5);
  }
}

TEST(SmallResNet, RefusesGroupsThatDoNotDivide) {
  SmallResNetOptions options;
  options.groups = 7;
  EXPECT_THROW(MakeBackbone(options), base::CheckError);
}

}  // namespace
}  // namespace grouppose
