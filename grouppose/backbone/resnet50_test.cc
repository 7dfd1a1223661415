#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <string>

#include "grouppose/backbone/backbone.h"
#include "grouppose/backbone/level_mask.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

// Tests run side by side: two pools of threads that spin for the same cores take ten times as long as one thread.
class OneThread : public ::testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const ::testing::Environment* const kOneThread = ::testing::AddGlobalTestEnvironment(new OneThread);

class ResNet50Fixtures : public ::testing::TestWithParam<const char*> {};

TEST_P(ResNet50Fixtures, FeaturesAndMasksEqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const at::NoGradGuard no_grad;
  const testing::Fixture fixture(GetParam());
  const auto backbone = MakeBackbone(ResNet50Options{});
  testing::FillByRecipe(*backbone, static_cast<uint64_t>(fixture.Number("seed")), "backbone.0.");
  const std::vector<at::Tensor> levels = backbone->Forward(fixture.Get("images"));
  ASSERT_EQ(levels.size(), 3u);
  for (int64_t level = 0; level < 3; ++level) {
    const std::string index = std::to_string(level);
    const at::Tensor expected = fixture.Get("feat" + index);
    EXPECT_TRUE(testing::Near(levels[level], expected, fixture.Number("tol/feat" + index))) << "level " << level;
    EXPECT_EQ(levels[level].size(1), backbone->channels()[level]);
    const at::Tensor mask = LevelMask(fixture.Get("image_mask"), expected.size(2), expected.size(3));
    EXPECT_TRUE(mask.equal(fixture.Get("mask" + index))) << "level " << level;
  }
}

INSTANTIATE_TEST_SUITE_P(Official, ResNet50Fixtures,
                         ::testing::Values("backbone_resnet50_pad", "backbone_resnet50_single"));

TEST(ResNet50, TrainsAllButTheStemAndTheFirstStage) {
  int64_t trained = 0, all = 0;
  for (const nn::NamedTensor& named : MakeBackbone(ResNet50Options{})->Parameters()) {
    const bool frozen = named.name.rfind("body.conv1.", 0) == 0 || named.name.rfind("body.layer1.", 0) == 0;
    EXPECT_EQ(named.tensor.requires_grad(), !frozen) << named.name;
    all += named.tensor.numel();
    if (!frozen) trained += named.tensor.numel();
  }
  EXPECT_EQ(all, 23454912);
  EXPECT_EQ(trained, 23454912 - 222400);
}

TEST(ResNet50, LevelsHaveTheirChannelsAndStrides) {
  const at::NoGradGuard no_grad;
  for (bool dilation : {false, true}) {
    const auto backbone = MakeBackbone(ResNet50Options{{0, 1, 2, 3}, dilation});
    // any values will do
    for (const nn::NamedTensor& named : backbone->NamedTensors()) at::Tensor(named.tensor).fill_(0.01);
    EXPECT_EQ(backbone->channels(), (std::vector<int64_t>{256, 512, 1024, 2048}));
    EXPECT_EQ(backbone->strides(), (std::vector<int64_t>{4, 8, 16, dilation ? 16 : 32}));
    const std::vector<at::Tensor> levels = backbone->Forward(testing::RecipeTensor("images", {1, 3, 70, 33}, 1));
    ASSERT_EQ(levels.size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
      const int64_t stride = backbone->strides()[i];
      EXPECT_EQ(levels[i].sizes(),
                (at::IntArrayRef{1, backbone->channels()[i], (70 + stride - 1) / stride, (33 + stride - 1) / stride}));
    }
  }
  EXPECT_EQ(MakeBackbone(ResNet50Options{{3}, false})->channels(), (std::vector<int64_t>{2048}));
}

// Dilated convolutions see the same cells as strided ones: every second cell of the dilated level is the plain one's.
TEST(ResNet50, EverySecondDilatedCellIsThePlainCell) {
  const at::NoGradGuard no_grad;
  const at::Tensor images = testing::RecipeTensor("images", {1, 3, 96, 65}, 1);
  const auto last = [&](bool dilation) {
    const auto backbone = MakeBackbone(ResNet50Options{{3}, dilation});
    testing::FillByRecipe(*backbone, 1);
    return backbone->Forward(images)[0];
  };
  const at::Tensor plain = last(false);
  const at::Tensor dilated = last(true).slice(2, 0, std::nullopt, 2).slice(3, 0, std::nullopt, 2);
  EXPECT_TRUE(testing::Near(dilated, plain, 1e-4 * plain.abs().max().item<double>()));
}

// torch's rule: floor(i * H / height).
TEST(LevelMask, ReadsTheNearestPixelAboveAndLeft) {
  at::Tensor mask = at::zeros({1, 5, 7}, at::kBool);
  mask.narrow(2, 4, 3).fill_(true);
  // columns of 3: 0, 2, 4
  const at::Tensor level = LevelMask(mask, 2, 3);
  ASSERT_EQ(level.sizes(), (at::IntArrayRef{1, 2, 3}));
  for (int64_t row = 0; row < 2; ++row) {
    EXPECT_FALSE(level[0][row][0].item<bool>());
    EXPECT_FALSE(level[0][row][1].item<bool>());
    EXPECT_TRUE(level[0][row][2].item<bool>());
  }
}

}  // namespace
}  // namespace grouppose
