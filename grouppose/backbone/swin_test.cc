#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "grouppose/backbone/backbone.h"
#include "grouppose/backbone/level_mask.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using Variant = SwinOptions::Variant;

// Tests run side by side: two pools of threads that spin for the same cores take ten times as long as one thread.
class OneThread : public ::testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const ::testing::Environment* const kOneThread = ::testing::AddGlobalTestEnvironment(new OneThread);

SwinOptions Tiny(double drop_path_rate = 0) {
  SwinOptions options;
  options.drop_path_rate = drop_path_rate;
  return options;
}

class SwinFixtures : public ::testing::TestWithParam<const char*> {};

TEST_P(SwinFixtures, FeaturesAndMasksEqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const at::NoGradGuard no_grad;
  const testing::Fixture fixture(GetParam());
  const auto backbone = MakeBackbone(Tiny());
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

INSTANTIATE_TEST_SUITE_P(Official, SwinFixtures,
                         ::testing::Values("backbone_swin_T_224_1k_pad", "backbone_swin_T_224_1k_single"));

// Tensors are made without their memory being touched, so that the 200 million numbers of Swin-L cost nothing here.
TEST(Swin, EveryVariantHasTheOfficialNumberOfParameters) {
  struct Expected {
    Variant variant;
    int64_t channels, parameters;
  };
  // torchvision's and timm's counts without the head, with norms on levels 1, 2 and 3 in place of the last one
  const Expected all[] = {{Variant::kT224In1k, 96, 27520506},
                          {Variant::kB224In22k, 128, 86744760},
                          {Variant::kB384In22k, 128, 86880120},
                          {Variant::kL224In22k, 192, 194997780},
                          {Variant::kL384In22k, 192, 195200820}};
  for (const Expected& expected : all) {
    SwinOptions options;
    options.variant = expected.variant;
    const auto backbone = MakeBackbone(options);
    const int64_t channels = expected.channels;
    EXPECT_EQ(backbone->channels(), (std::vector<int64_t>{2 * channels, 4 * channels, 8 * channels}));
    EXPECT_EQ(backbone->strides(), (std::vector<int64_t>{8, 16, 32}));
    int64_t parameters = 0;
    for (const nn::NamedTensor& named : backbone->Parameters()) {
      EXPECT_TRUE(named.tensor.requires_grad()) << named.name;
      parameters += named.tensor.numel();
    }
    EXPECT_EQ(parameters, expected.parameters);
  }
}

TEST(Swin, LevelsHaveTheirChannelsAndStrides) {
  const at::NoGradGuard no_grad;
  const std::vector<std::vector<int64_t>> published = {{0, 1, 2, 3}, {1, 2, 3}, {3}};
  for (const std::vector<int64_t>& stages : published) {
    for (bool dilation : {false, true}) {
      SwinOptions options = Tiny();
      options.output_stages = stages;
      options.dilation = dilation;
      const auto backbone = MakeBackbone(options);
      // any values will do
      for (const nn::NamedTensor& named : backbone->Parameters()) at::Tensor(named.tensor).fill_(0.01);
      // sides below one window, of no whole patch, of one patch
      for (const auto& [height, width] : {std::pair<int64_t, int64_t>{64, 96}, {57, 33}, {1, 16}}) {
        const std::vector<at::Tensor> levels =
            backbone->Forward(testing::RecipeTensor("images", {1, 3, height, width}, 1));
        ASSERT_EQ(levels.size(), stages.size());
        for (size_t i = 0; i < levels.size(); ++i) {
          const int64_t stride = backbone->strides()[i];
          EXPECT_EQ(stride, 4 << (stages[i] - (dilation && stages[i] == 3)));
          EXPECT_EQ(levels[i].sizes(), (at::IntArrayRef{1, backbone->channels()[i], (height + stride - 1) / stride,
                                                        (width + stride - 1) / stride}));
          EXPECT_TRUE(levels[i].isfinite().all().item<bool>());
        }
      }
    }
  }
}

TEST(Swin, AnImageDoesNotSeeItsNeighboursInTheBatch) {
  const at::NoGradGuard no_grad;
  const auto backbone = MakeBackbone(Tiny());
  nn::Initialise(*backbone, 1);
  const at::Tensor images = testing::RecipeTensor("images", {3, 3, 40, 75}, 1);
  const std::vector<at::Tensor> together = backbone->Forward(images);
  for (int64_t image = 0; image < 3; ++image) {
    const std::vector<at::Tensor> alone = backbone->Forward(images.narrow(0, image, 1));
    for (size_t level = 0; level < alone.size(); ++level) {
      EXPECT_TRUE(testing::Near(together[level].narrow(0, image, 1), alone[level], 1e-5));
    }
  }
}

// Gradients of all parameters of `levels` against fixed directions.
std::map<std::string, at::Tensor> Gradients(Backbone& backbone, const std::vector<at::Tensor>& levels) {
  at::Tensor sum;
  for (const at::Tensor& level : levels) {
    const at::Tensor part = (level * testing::RecipeTensor("probe", level.sizes(), 1)).sum();
    sum = sum.defined() ? sum + part : part;
  }
  sum.backward();
  std::map<std::string, at::Tensor> gradients;
  for (const nn::NamedTensor& named : backbone.Parameters()) gradients[named.name] = named.tensor.grad();
  return gradients;
}

TEST(Swin, EveryParameterLearns) {
  const auto backbone = MakeBackbone(Tiny());
  nn::Initialise(*backbone, 1);
  const at::Tensor images = testing::RecipeTensor("images", {1, 3, 72, 64}, 1);
  for (const auto& [name, gradient] : Gradients(*backbone, backbone->Forward(images))) {
    ASSERT_TRUE(gradient.defined()) << name;
    EXPECT_GT(gradient.abs().max().item<float>(), 0) << name;
  }
}

TEST(Swin, GradientCheckpointingChangesNoBit) {
  const at::Tensor images = testing::RecipeTensor("images", {2, 3, 40, 36}, 1);
  std::vector<std::vector<at::Tensor>> levels;
  std::vector<std::map<std::string, at::Tensor>> gradients;
  for (bool checkpointing : {false, true}) {
    SwinOptions options = Tiny(/*drop_path_rate=*/0.5);
    options.gradient_checkpointing = checkpointing;
    // a map that needs no gradient enters the first block
    options.freeze_keywords = {"patch_embed", "layers.0.blocks.0.attn"};
    const auto backbone = MakeBackbone(options);
    nn::Initialise(*backbone, 1);
    at::manual_seed(5);
    levels.push_back(backbone->Forward(images));
    gradients.push_back(Gradients(*backbone, levels.back()));
  }
  for (size_t level = 0; level < levels[0].size(); ++level) EXPECT_TRUE(levels[0][level].equal(levels[1][level]));
  for (const auto& [name, gradient] : gradients[0]) {
    const at::Tensor& again = gradients[1].at(name);
    const bool frozen = name.rfind("patch_embed", 0) == 0 || name.find("layers.0.blocks.0.attn") != std::string::npos;
    EXPECT_EQ(gradient.defined(), !frozen) << name;
    ASSERT_EQ(gradient.defined(), again.defined()) << name;
    if (!frozen) {
      EXPECT_TRUE(gradient.equal(again)) << name;
    }
  }
}

TEST(Swin, DropsPathsInTrainingOnlyAndByTheGeneratorsSeed) {
  const at::NoGradGuard no_grad;
  const auto dropping = MakeBackbone(Tiny(/*drop_path_rate=*/0.5)), plain = MakeBackbone(Tiny());
  nn::Initialise(*dropping, 1);
  nn::Initialise(*plain, 1);
  const at::Tensor images = testing::RecipeTensor("images", {1, 3, 32, 32}, 1).expand({2, 3, 32, 32});
  const auto last = [&](Backbone& backbone, uint64_t seed) {
    at::manual_seed(seed);
    return backbone.Forward(images).back();
  };
  const at::Tensor first = last(*dropping, 1);
  EXPECT_TRUE(first.equal(last(*dropping, 1)));
  EXPECT_FALSE(first.equal(last(*dropping, 2)));
  // each image drops paths of its own
  EXPECT_FALSE(first[0].equal(first[1]));
  const at::Tensor whole = last(*plain, 1);
  EXPECT_FALSE(first.equal(whole));
  EXPECT_TRUE(whole.equal(last(*plain, 2)));
  dropping->SetTraining(false);
  EXPECT_TRUE(whole.equal(last(*dropping, 1)));
}

TEST(Swin, DoesNotTrainWhatIsFrozen) {
  SwinOptions options;
  options.freeze_keywords = {"patch_embed", "layers.0."};
  int64_t frozen = 0;
  for (const nn::NamedTensor& named : MakeBackbone(options)->Parameters()) {
    const bool expected = named.name.rfind("patch_embed.", 0) == 0 || named.name.rfind("layers.0.", 0) == 0;
    EXPECT_EQ(named.tensor.requires_grad(), !expected) << named.name;
    frozen += expected;
  }
  // four of the embedding, thirteen of each block, three of the merging
  EXPECT_EQ(frozen, 4 + 2 * 13 + 3);
}

TEST(Swin, RefusesStagesThatItDoesNotHave) {
  SwinOptions options;
  for (const std::vector<int64_t>& stages : std::vector<std::vector<int64_t>>{{1, 4}, {2, 1}, {-1}}) {
    options.output_stages = stages;
    EXPECT_THROW(MakeBackbone(options), base::CheckError);
  }
}

}  // namespace
}  // namespace grouppose
