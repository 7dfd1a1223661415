// Assignment, matcher and criterion against outputs of the official implementation and of scipy.
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "grouppose/loss/assignment.h"
#include "grouppose/loss/criterion.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::loss {
namespace {

using ::grouppose::testing::Fixture;
using ::grouppose::testing::Near;

// Annotators' spread of every joint: COCO keypoint evaluation, and CrowdPose's.
const std::vector<double> kCocoSigmas = {.026, .025, .025, .035, .035, .079, .079, .072, .072,
                                         .062, .062, .107, .107, .087, .087, .089, .089};
const std::vector<double> kCrowdPoseSigmas = {.079, .079, .072, .072, .062, .062, .107,
                                              .107, .087, .087, .089, .089, .079, .079};

std::vector<int64_t> Integers(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.contiguous();
  return {plain.const_data_ptr<int64_t>(), plain.const_data_ptr<int64_t>() + plain.numel()};
}

TEST(LossFixtureTest, AssignmentEqualsScipy) {
  SKIP_WITHOUT_TEST_DATA();
  const Fixture fixture("lsa");
  const std::vector<std::string> cases = fixture.Keys("cases");
  ASSERT_EQ(cases.size(), 9);
  for (const std::string& name : cases) {
    SCOPED_TRACE(name);
    const at::Tensor cost = fixture.Get(name + ".cost").to(at::kDouble).contiguous();
    const double* data = cost.const_data_ptr<double>();
    const auto pairs = SolveAssignment({data, static_cast<size_t>(cost.numel())}, cost.size(0), cost.size(1));
    ASSERT_TRUE(pairs.ok()) << pairs.status();
    double total = 0;
    for (size_t i = 0; i < pairs->rows.size(); ++i) total += data[pairs->rows[i] * cost.size(1) + pairs->columns[i]];
    EXPECT_NEAR(total, fixture.Get(name + ".total").item<double>(), 1e-9);
    EXPECT_EQ(pairs->rows, Integers(fixture.Get(name + ".row")));
    EXPECT_EQ(pairs->columns, Integers(fixture.Get(name + ".col")));
  }
}

Targets TargetsOf(const Fixture& fixture) {
  Targets targets;
  for (int i = 0; fixture.Has("targets" + std::to_string(i) + ".labels"); ++i) {
    const std::string prefix = "targets" + std::to_string(i) + ".";
    targets.push_back({fixture.Get(prefix + "labels"), fixture.Get(prefix + "boxes"), fixture.Get(prefix + "keypoints"),
                       fixture.Get(prefix + "area")});
  }
  return targets;
}

PosePrediction PredictionOf(const Fixture& fixture, const std::string& prefix) {
  return {fixture.Get(prefix + "pred_logits").clone().set_requires_grad(true),
          fixture.Get(prefix + "pred_keypoints").clone().set_requires_grad(true)};
}

void ExpectMatching(const Fixture& fixture, const std::string& part, const Matching& matching) {
  for (size_t image = 0; image < matching.images.size(); ++image) {
    const std::string prefix = "match." + part + "." + std::to_string(image);
    EXPECT_EQ(matching.images[image].queries, Integers(fixture.Get(prefix + ".src"))) << prefix;
    EXPECT_EQ(matching.images[image].persons, Integers(fixture.Get(prefix + ".tgt"))) << prefix;
  }
}

void ExpectGradient(const Fixture& fixture, const std::string& name, const at::Tensor& input) {
  SCOPED_TRACE(name);
  const at::Tensor expected = fixture.Get(name);
  EXPECT_TRUE(Near(input.grad(), expected, 1e-5 * expected.abs().max().item<double>()));
}

class CriterionFixtureTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CriterionFixtureTest, LossesMatchingsAndGradientsEqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const Fixture fixture(GetParam());
  CriterionOptions options;
  options.matcher.sigmas = fixture.Number("K") == 17 ? kCocoSigmas : kCrowdPoseSigmas;
  ModelOutputs outputs;
  outputs.final = PredictionOf(fixture, "out.");
  outputs.auxiliary = {PredictionOf(fixture, "out.aux0.")};
  outputs.intermediate = PredictionOf(fixture, "out.interm.");
  const Targets targets = TargetsOf(fixture);
  ASSERT_EQ(targets.size(), outputs.final.logits.size(0));

  const auto losses = ComputeLosses(options, outputs, targets, static_cast<double>(NumPersons(targets)));
  ASSERT_TRUE(losses.ok()) << losses.status();
  std::vector<std::string> names;
  for (const auto& [name, value] : losses->values) {
    names.push_back(name);
    const double expected = fixture.Number("losses/" + name);
    EXPECT_NEAR(value, expected, 2e-5 * std::abs(expected)) << name;
  }
  EXPECT_EQ(names, fixture.Strings("loss_keys"));
  const double total = fixture.Get("total").item<double>();
  EXPECT_NEAR(losses->total.item<double>(), total, 2e-5 * total);

  ASSERT_EQ(losses->matchings.size(), 3);
  ExpectMatching(fixture, "final", losses->matchings[0]);
  ExpectMatching(fixture, "aux0", losses->matchings[1]);
  ExpectMatching(fixture, "interm", losses->matchings[2]);

  losses->total.backward();
  ExpectGradient(fixture, "grad.pred_logits", outputs.final.logits);
  ExpectGradient(fixture, "grad.pred_keypoints", outputs.final.keypoints);
  ExpectGradient(fixture, "grad.aux0.pred_logits", outputs.auxiliary[0].logits);
  ExpectGradient(fixture, "grad.aux0.pred_keypoints", outputs.auxiliary[0].keypoints);
  ExpectGradient(fixture, "grad.interm.pred_logits", outputs.intermediate.logits);
  ExpectGradient(fixture, "grad.interm.pred_keypoints", outputs.intermediate.keypoints);
}

INSTANTIATE_TEST_SUITE_P(All, CriterionFixtureTest,
                         ::testing::Values("crit_all_images_empty_K17", "crit_area_extremes_K17", "crit_batch3_K17",
                                           "crit_exact_hit_K17", "crit_many_persons_K17", "crit_normal_K14",
                                           "crit_normal_K17", "crit_one_image_empty_K17", "crit_person_all_v0_K17",
                                           "crit_single_K14"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace grouppose::loss
