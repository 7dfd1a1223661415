#include "grouppose/config/backbone_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/match.h"
#include "grouppose/backbone/backbone.h"

namespace grouppose::config {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Weights = std::map<std::string, at::Tensor>;

// The names and shapes of a file of Swin-T's ImageNet weights; every value is 1.
Weights SwinFile() {
  SwinOptions options;
  const std::unique_ptr<Backbone> backbone = MakeBackbone(options);
  Weights file;
  for (const nn::NamedTensor& named : backbone->StateDict()) {
    // no level has a norm of its own there
    if (absl::StartsWith(named.name, "norm")) continue;
    file[named.name] = at::ones(named.tensor.sizes(), named.tensor.scalar_type());
  }
  for (const char* name : {"norm.weight", "norm.bias"}) file[name] = at::ones({768});
  file["head.weight"] = at::ones({1000, 768});
  file["head.bias"] = at::ones({1000});
  for (const char* name : {"layers.0.blocks.1.attn_mask", "layers.2.blocks.5.attn_mask"}) {
    file[name] = at::ones({4, 49, 49});
  }
  return file;
}

const std::vector<std::string> kPassedOver = {
    "head.bias", "head.weight", "layers.0.blocks.1.attn_mask", "layers.2.blocks.5.attn_mask",
    "norm.bias", "norm.weight"};

bool IsOne(const at::Tensor& tensor) { return tensor.eq(1).all().item<bool>(); }

TEST(BackboneWeightsTest, TakesASwinAndSaysWhatBecameOfTheNames) {
  const Weights file = SwinFile();
  const std::unique_ptr<Backbone> backbone = MakeBackbone(SwinOptions{});
  nn::Initialise(*backbone, /*seed=*/1);
  const auto loaded = LoadBackboneWeights(file, "swin.pth", *backbone, /*dilated_swin=*/false);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->passed_over, kPassedOver);
  EXPECT_THAT(loaded->kept,
              ElementsAre("norm1.bias", "norm1.weight", "norm2.bias", "norm2.weight", "norm3.bias", "norm3.weight"));
  EXPECT_EQ(loaded->taken, static_cast<int64_t>(file.size() - kPassedOver.size()));
  EXPECT_THAT(loaded->Text(), HasSubstr("initial values: norm1.bias, norm1.weight, norm2.bias"));
  EXPECT_THAT(loaded->Text(), HasSubstr("passed over: head.bias, head.weight, layers.0.blocks.1.attn_mask"));
  for (const nn::NamedTensor& named : backbone->StateDict()) {
    EXPECT_TRUE(absl::StartsWith(named.name, "norm") || IsOne(named.tensor)) << named.name;
  }
}

TEST(BackboneWeightsTest, TablesOfIndicesFollowFromTheArchitectureWhereAFileLacksThem) {
  Weights file = SwinFile();
  const std::string table = "layers.1.blocks.0.attn.relative_position_index";
  ASSERT_EQ(file.erase(table), 1u);
  const std::unique_ptr<Backbone> backbone = MakeBackbone(SwinOptions{});
  const auto loaded = LoadBackboneWeights(file, "swin.pth", *backbone, /*dilated_swin=*/false);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->kept, Contains(table));
}

TEST(BackboneWeightsTest, ADilatedSwinKeepsItsLastStage) {
  SwinOptions options;
  options.dilation = true;
  const std::unique_ptr<Backbone> backbone = MakeBackbone(options);
  nn::Initialise(*backbone, /*seed=*/1);
  EXPECT_THAT(std::string(LoadBackboneWeights(SwinFile(), "swin.pth", *backbone, false).status().message()),
              HasSubstr("layers.2.downsample"));
  const auto loaded = LoadBackboneWeights(SwinFile(), "swin.pth", *backbone, /*dilated_swin=*/true);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->passed_over, Contains("layers.3.blocks.0.attn.qkv.weight"));
  EXPECT_THAT(loaded->passed_over, Contains("layers.2.downsample.reduction.weight"));
  EXPECT_THAT(loaded->kept, Contains("layers.3.blocks.0.attn.qkv.weight"));
  for (const nn::NamedTensor& named : backbone->StateDict()) {
    if (named.name == "layers.3.blocks.0.attn.qkv.weight") {
      EXPECT_FALSE(IsOne(named.tensor));
    } else if (named.name == "layers.2.blocks.0.attn.qkv.weight") {
      EXPECT_TRUE(IsOne(named.tensor));
    }
  }
}

TEST(BackboneWeightsTest, TakesTorchvisionsResNet) {
  const std::unique_ptr<Backbone> backbone = MakeBackbone(ResNet50Options{});
  Weights file;
  for (const nn::NamedTensor& named : backbone->StateDict()) {
    ASSERT_THAT(named.name, StartsWith("body."));
    const std::string name = named.name.substr(5);
    file[name] = at::ones(named.tensor.sizes());
    if (absl::EndsWith(name, "running_var")) {
      file[name.substr(0, name.size() - 11) + "num_batches_tracked"] = at::ones({}, at::kLong);
    }
  }
  file["fc.weight"] = at::ones({1000, 2048});
  file["fc.bias"] = at::ones({1000});
  const auto loaded = LoadBackboneWeights(file, "resnet50.pth", *backbone, /*dilated_swin=*/false);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->kept, ::testing::IsEmpty());
  EXPECT_EQ(loaded->passed_over.size(), 53u + 2u) << "a counter for each batch norm, and the classifier";
  EXPECT_THAT(loaded->passed_over,
              Each(::testing::AnyOf(StartsWith("fc."), ::testing::EndsWith(".num_batches_tracked"))));
}

TEST(BackboneWeightsTest, RefusesTheFileOfAnotherModel) {
  Weights file = SwinFile();
  file.erase("layers.0.blocks.0.mlp.fc1.bias");
  file["layers.9.blocks.0.mlp.fc1.bias"] = at::ones({3});
  file["patch_embed.norm.weight"] = at::ones({128});
  const std::unique_ptr<Backbone> backbone = MakeBackbone(SwinOptions{});
  const std::string message(LoadBackboneWeights(file, "swin.pth", *backbone, false).status().message());
  EXPECT_THAT(message, StartsWith("swin.pth: "));
  EXPECT_THAT(message, HasSubstr("1 missing: layers.0.blocks.0.mlp.fc1.bias"));
  EXPECT_THAT(message, HasSubstr("1 unexpected: layers.9.blocks.0.mlp.fc1.bias"));
  EXPECT_THAT(message, HasSubstr("patch_embed.norm.weight"));
}

}  // namespace
}  // namespace grouppose::config
