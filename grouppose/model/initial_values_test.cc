// How every parameter starts: the distributions of the official code (torch's and torchvision's initialisers), written
// out once more by name. Moments of the drawn values are compared, so the same rule must hold for FULL and for GROUP.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "grouppose/model/group_pose.h"

namespace grouppose {
namespace {

bool Contains(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

bool EndsWith(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

struct Start {
  enum { kConstant, kUniform, kNormal } kind;
  double value;  // the constant, the bound, or the standard deviation
};

double FanIn(const at::Tensor& tensor) { return static_cast<double>(tensor[0].numel()); }
double FanOut(const at::Tensor& tensor) { return static_cast<double>(tensor.select(1, 0).numel()); }

Start Xavier(const at::Tensor& tensor) { return {Start::kUniform, std::sqrt(6 / (FanIn(tensor) + FanOut(tensor)))}; }

// The official start; none for the directions of sampling offsets, which have a test of their own
// (transformer/deformable_attention_test).
std::optional<Start> OfficialStart(const std::string& name, const at::Tensor& tensor, double fan_in_of_bias) {
  const bool bias = EndsWith(name, "bias");
  if (Contains(name, "sampling_offsets.bias")) return std::nullopt;
  if (Contains(name, "sampling_offsets.") || Contains(name, "attention_weights.")) return Start{Start::kConstant, 0};
  // norms of every kind: weights and variances are one, biases and means zero
  if (tensor.dim() == 1 && !bias && !EndsWith(name, "running_mean")) return Start{Start::kConstant, 1};
  if (EndsWith(name, "relative_position_bias_table")) return Start{Start::kNormal, 0.02};
  // a Swin's linear layers and its patches keep torch's own start
  if (Contains(name, "backbone.") && !Contains(name, ".body.") && !Contains(name, "norm")) {
    return Start{Start::kUniform, 1 / std::sqrt(bias ? fan_in_of_bias : FanIn(tensor))};
  }
  const bool convolutional = Contains(name, "backbone.") || Contains(name, "input_proj.");
  if (tensor.dim() == 1 && (convolutional || Contains(name, "norm"))) return Start{Start::kConstant, 0};
  if (Contains(name, "backbone.")) return Start{Start::kNormal, std::sqrt(2 / FanOut(tensor))};
  if (EndsWith(name, "level_embed")) return Start{Start::kNormal, 1};
  // a sigmoid of 0.01
  if (Contains(name, "class_embed.") && bias) return Start{Start::kConstant, -std::log(99.0)};
  if (Contains(name, "enc_pose_embed.layers.3.")) return Start{Start::kConstant, 0};
  if (name.rfind("pose_embed.", 0) == 0 && Contains(name, ".layers.2.")) return Start{Start::kConstant, 0};
  // heads are made after the transformer's weights were drawn: torch's own start of a linear layer
  const bool head = Contains(name, "class_embed.") || Contains(name, "pose_embed.");
  if (bias) {
    // attention of both kinds has zero biases
    if (Contains(name, "_attn.")) return Start{Start::kConstant, 0};
    return Start{Start::kUniform, 1 / std::sqrt(fan_in_of_bias)};
  }
  return head ? Start{Start::kUniform, 1 / std::sqrt(FanIn(tensor))} : Xavier(tensor);
}

void ExpectStart(const std::string& name, const at::Tensor& tensor, const Start& start) {
  const at::Tensor values = tensor.detach().to(at::kDouble);
  const double count = static_cast<double>(values.numel()), largest = values.abs().max().item<double>();
  if (start.kind == Start::kConstant) {
    EXPECT_LE((values - start.value).abs().max().item<double>(), 1e-6) << name;
    return;
  }
  const bool uniform = start.kind == Start::kUniform;
  const double variance = uniform ? start.value * start.value / 3 : start.value * start.value;
  // six deviations of the mean and of the mean square of `count` values
  const double spread = uniform ? std::sqrt(0.8) : std::sqrt(2.0);
  EXPECT_NEAR(values.mean().item<double>(), 0, 6 * std::sqrt(variance / count)) << name;
  EXPECT_NEAR(values.square().mean().item<double>() / variance, 1, 6 * spread / std::sqrt(count)) << name;
  if (uniform) {
    EXPECT_LE(largest, start.value * (1 + 1e-6)) << name;
  } else if (count > 1000) {
    // a uniform draw of as many values cannot look like this
    EXPECT_GT(largest, 2.5 * start.value) << name;
  }
}

class InitialValues : public ::testing::TestWithParam<const char*> {};

void ExpectOfficialStarts(const GroupPoseOptions& options) {
  GroupPose model(options);
  nn::Initialise(model, 3);
  double fan_in = 0;
  int64_t compared = 0;
  for (const nn::NamedTensor& named : model.NamedTensors()) {
    // tables of integers do not start, they are
    if (!at::isFloatingType(named.tensor.scalar_type())) continue;
    // a bias stands behind its weight
    if (named.tensor.dim() > 1) fan_in = FanIn(named.tensor);
    const std::optional<Start> start = OfficialStart(named.name, named.tensor, fan_in);
    if (!start.has_value()) continue;
    ExpectStart(named.name, named.tensor, *start);
    ++compared;
  }
  EXPECT_GT(compared, 150);
}

TEST_P(InitialValues, OfThePublishedModelFollowTheOfficialRules) {
  GroupPoseOptions options;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  options.transformer.attention_scheme = GetParam();
  ExpectOfficialStarts(options);
}

TEST_P(InitialValues, OfATinyModelFollowTheSameRules) {
  GroupPoseOptions options;
  options.backbone = SmallResNetOptions{};
  options.transformer.hidden_dim = 64;
  options.transformer.num_heads = 4;
  options.transformer.feedforward_dim = 128;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  options.transformer.attention_scheme = GetParam();
  ExpectOfficialStarts(options);
}

TEST(SwinInitialValues, FollowTheOfficialRules) {
  GroupPoseOptions options;
  options.backbone = SwinOptions{};
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  ExpectOfficialStarts(options);
}

INSTANTIATE_TEST_SUITE_P(Schemes, InitialValues, ::testing::Values("FULL", "GROUP"));

// Layers and attentions of the same shape draw values of their own.
TEST(InitialValues, DifferByName) {
  GroupPoseOptions options;
  options.backbone = SmallResNetOptions{};
  options.transformer.hidden_dim = 64;
  GroupPose model(options);
  nn::Initialise(model, 3);
  std::set<std::vector<float>> seen;
  int64_t attentions = 0;
  for (const nn::NamedTensor& named : model.NamedTensors()) {
    if (!EndsWith(named.name, "in_proj_weight")) continue;
    const float* data = named.tensor.const_data_ptr<float>();
    seen.emplace(data, data + named.tensor.numel());
    ++attentions;
  }
  EXPECT_EQ(attentions, 6 * 2);
  EXPECT_EQ(static_cast<int64_t>(seen.size()), attentions);
}

}  // namespace
}  // namespace grouppose
