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
