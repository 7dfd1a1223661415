// The whole training step against the official one: losses, every gradient, and five updates of AdamW.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "eval/keypoint_dataset.h"
#include "grouppose/loss/criterion.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/testing/fixtures.h"
#include "grouppose/train/optimizer.h"
#include "grouppose/train/weight_average.h"

namespace grouppose::train {
namespace {

using ::grouppose::testing::Fixture;
using ::grouppose::testing::Near;

struct TrainingBatch {
  at::Tensor images, padding_mask;
  Targets targets;
};

TrainingBatch BatchOf(const Fixture& fixture) {
  TrainingBatch batch{fixture.Get("images"), fixture.Get("image_mask").to(at::kBool), {}};
  for (int i = 0; fixture.Has("targets" + std::to_string(i) + ".labels"); ++i) {
    const std::string prefix = "targets" + std::to_string(i) + ".";
    batch.targets.push_back({fixture.Get(prefix + "labels"), fixture.Get(prefix + "boxes"),
                             fixture.Get(prefix + "keypoints"), fixture.Get(prefix + "area")});
  }
  return batch;
}

// One encoder and two decoder layers, 20 queries, weights by the recipe.
GroupPoseOptions SmallOptions(int64_t num_keypoints) {
  GroupPoseOptions options;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  options.transformer.num_queries = 20;
  options.transformer.num_keypoints = num_keypoints;
  return options;
}

loss::CriterionOptions LossOptions(int64_t num_keypoints) {
  loss::CriterionOptions options;
  options.matcher.sigmas = num_keypoints == 17 ? eval::Coco().sigmas : eval::CrowdPose().sigmas;
  return options;
}

absl::StatusOr<loss::Losses> Losses(GroupPose& model, const TrainingBatch& batch) {
  return loss::ComputeLosses(LossOptions(model.options().transformer.num_keypoints),
                             model.Forward(batch.images, batch.padding_mask), batch.targets,
                             static_cast<double>(loss::NumPersons(batch.targets)));
}

// Every name of the official state dict; shared heads have two.
std::map<std::string, at::Tensor> TensorsByName(const GroupPose& model) {
  std::map<std::string, at::Tensor> tensors;
  for (const nn::NamedTensor& named : model.StateDict()) tensors[named.name] = named.tensor;
  return tensors;
}

void ExpectRelative(double actual, double expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(actual, expected, tolerance * std::abs(expected)) << what;
}

double NormOf(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item<double>(); }

class GradientFixtureTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GradientFixtureTest, LossesAndGradientsEqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const Fixture fixture(GetParam());
  GroupPoseOptions options = SmallOptions(static_cast<int64_t>(fixture.Number("config/num_body_points")));
  const bool swin = std::string(GetParam()).find("swint") != std::string::npos;
  if (swin) options.backbone = SwinOptions{};
  GroupPose model(options);
  // the official gradients are those without drop path
  model.SetTraining(!swin);
  testing::FillByRecipe(model, static_cast<uint64_t>(fixture.Number("seed")));
  const auto losses = Losses(model, BatchOf(fixture));
  ASSERT_TRUE(losses.ok()) << losses.status();
  for (const auto& [name, value] : losses->values) {
    ExpectRelative(value, fixture.Number("losses/" + name), 1e-4, name);
  }
  EXPECT_EQ(losses->values.size(), fixture.Keys("losses").size());
  ExpectRelative(losses->total.item<double>(), fixture.Get("total").item<double>(), 1e-4, "total");

  losses->total.backward();
  const std::map<std::string, at::Tensor> tensors = TensorsByName(model);
  const std::vector<std::string> names = fixture.Keys("grad_norms");
  for (const std::string& name : names) {
    ASSERT_TRUE(tensors.count(name)) << name;
    const at::Tensor& gradient = tensors.at(name).grad();
    const double expected = fixture.Number("grad_norms/" + name);
    ASSERT_EQ(gradient.defined(), !std::isnan(expected)) << name;
    if (gradient.defined()) ExpectRelative(NormOf(gradient), expected, 1e-3, name);
  }
  for (const std::string& name : fixture.Strings("frozen")) {
    ASSERT_TRUE(tensors.count(name)) << name;
    EXPECT_FALSE(tensors.at(name).requires_grad()) << name;
  }
  int64_t compared = 0;
  for (const auto& [name, expected] : fixture.tensors()) {
    if (name.rfind("grad.", 0) != 0) continue;
    SCOPED_TRACE(name);
    const at::Tensor& gradient = tensors.at(name.substr(5)).grad();
    EXPECT_TRUE(Near(gradient, expected, 1e-3 * expected.abs().max().item<double>()));
    ++compared;
  }
  EXPECT_EQ(compared, swin ? 23 : 20);
  const AdamW optimizer(model.Parameters(), {});
  ExpectRelative(GradientNorm(optimizer.groups()), fixture.Number("grad_total_norm"), 1e-3, "total norm");
}

INSTANTIATE_TEST_SUITE_P(Official, GradientFixtureTest,
                         ::testing::Values("train_r50_coco_grads", "train_r50_crowdpose_grads",
                                           "train_swint_coco_grads"),
                         [](const auto& info) { return std::string(info.param); });

AdamWOptions OptimizerOptions(const Fixture& fixture) {
  AdamWOptions options;
  options.learning_rate = fixture.Number("lr");
  options.backbone_learning_rate = fixture.Number("lr_backbone");
  options.weight_decay = fixture.Number("weight_decay");
  options.clip_max_norm = fixture.Number("clip_max_norm");
  options.beta1 = fixture.Numbers("betas")[0];
  options.beta2 = fixture.Numbers("betas")[1];
  options.eps = fixture.Number("eps");
  return options;
}

TEST(AdamWFixtureTest, FiveStepsEqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const Fixture fixture("train_r50_coco_adamw5");
  GroupPose model(SmallOptions(17));
  testing::FillByRecipe(model, static_cast<uint64_t>(fixture.Number("seed")));
  const TrainingBatch batch = BatchOf(fixture);
  AdamW optimizer(model.Parameters(), OptimizerOptions(fixture));
  WeightAverage slow(model.Parameters(), 0.9997), fast(model.Parameters(), 0.9);
  const std::vector<double> groups = fixture.Numbers("groups");
  EXPECT_EQ(optimizer.groups()[0].parameters.size(), groups[0]);
  EXPECT_EQ(optimizer.groups()[1].parameters.size(), groups[1]);
  std::map<std::string, at::Tensor> start;
  for (const auto& [name, tensor] : TensorsByName(model)) start[name] = tensor.detach().clone();

  const std::vector<double> totals = fixture.Numbers("losses"), norms = fixture.Numbers("grad_total_norms");
  for (size_t step = 0; step < norms.size(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const auto losses = Losses(model, batch);
    ASSERT_TRUE(losses.ok()) << losses.status();
    ExpectRelative(losses->total.item<double>(), totals[step], step == 0 ? 1e-4 : 2e-3, "loss");
    optimizer.ZeroGradients();
    losses->total.backward();
    const auto norm = optimizer.Step(1);
    ASSERT_TRUE(norm.ok()) << norm.status();
    slow.Update();
    fast.Update();
    // no tolerance is stored for it; that of the losses, which move in the same way
    ExpectRelative(*norm, norms[step], 2e-3, "gradient norm");
  }
  {
    const at::NoGradGuard no_grad;
    const auto losses = Losses(model, batch);
    ASSERT_TRUE(losses.ok()) << losses.status();
    ExpectRelative(losses->total.item<double>(), totals[norms.size()], 2e-3, "loss after the last step");
  }

  const std::map<std::string, at::Tensor> tensors = TensorsByName(model);
  for (const std::string& name : fixture.Keys("delta_norms")) {
    const at::Tensor delta = tensors.at(name).detach() - start.at(name);
    ExpectRelative(NormOf(delta), fixture.Number("delta_norms/" + name), 2e-2, name);
  }
  int64_t compared = 0;
  for (const auto& [name, expected] : fixture.tensors()) {
    if (name.rfind("param5.", 0) != 0) continue;
    SCOPED_TRACE(name);
    EXPECT_TRUE(Near(tensors.at(name.substr(7)).detach(), expected, 1e-4));
    ++compared;
  }
  EXPECT_EQ(compared, 8);
  // the official average takes its heads, which have two names, twice a step: not those
  const std::map<std::string, WeightAverage*> averages = {{"ema5_decay0.9997.", &slow}, {"ema5_decay0.9.", &fast}};
  for (const auto& [prefix, average] : averages) {
    int64_t averaged = 0;
    for (const auto& [name, expected] : fixture.tensors()) {
      if (name.rfind(prefix, 0) != 0 || name.find("decoder.") != std::string::npos) continue;
      SCOPED_TRACE(name);
      EXPECT_TRUE(Near(average->State().at(name.substr(prefix.size())), expected, 1e-4));
      ++averaged;
    }
    EXPECT_EQ(averaged, 5) << prefix;
  }
}

}  // namespace
}  // namespace grouppose::train
