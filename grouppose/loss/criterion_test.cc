#include "grouppose/loss/criterion.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/flip.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "grouppose/loss/test_batch.h"

namespace grouppose::loss {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CriterionOptions OptionsWithSigmas(std::vector<double> sigmas) {
  CriterionOptions options;
  options.matcher.sigmas = std::move(sigmas);
  return options;
}

double Value(const Losses& losses, const std::string& name) {
  for (const auto& [key, value] : losses.values) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no value named " << name;
  return NAN;
}

std::vector<std::string> Names(const Losses& losses) {
  std::vector<std::string> names;
  for (const auto& value : losses.values) names.push_back(value.first);
  return names;
}

std::vector<at::Tensor> Inputs(const ModelOutputs& outputs) {
  std::vector<at::Tensor> inputs;
  auto add = [&](const PosePrediction& prediction) {
    if (!prediction.logits.defined()) return;
    inputs.push_back(prediction.logits);
    inputs.push_back(prediction.keypoints);
  };
  add(outputs.final);
  for (const PosePrediction& prediction : outputs.auxiliary) add(prediction);
  add(outputs.intermediate);
  return inputs;
}

void RequireGradients(const ModelOutputs& outputs) {
  for (const at::Tensor& input : Inputs(outputs)) input.set_requires_grad(true);
}

// Two decoder layers and the encoder, 2 images, 5 queries, 3 joints; the second image may be empty.
ModelOutputs RandomOutputs(at::ScalarType type) {
  ModelOutputs outputs;
  outputs.final = RandomPrediction("final", 2, 5, 9, type);
  outputs.auxiliary = {RandomPrediction("auxiliary", 2, 5, 9, type)};
  outputs.intermediate = RandomPrediction("intermediate", 2, 5, 6, type);
  return outputs;
}

const std::vector<double> kThreeSigmas = {0.026, 0.079, 0.107};

// One image, two queries, one joint, all by hand. Query 0 is the person's: logits (0, 0); its joint lies at distance
// (0.3, 0.4) with 2 * area * (2 sigma)^2 = 0.25, so OKS = exp(-1).
TEST(CriterionTest, EqualsValuesComputedByHand) {
  CriterionOptions options = OptionsWithSigmas({0.25});
  ModelOutputs outputs;
  outputs.final.logits = Rows({{0, 0}, {-20, std::log(3.0)}}, at::kDouble);
  outputs.final.keypoints = Rows({{0.3, 0.9, 0.7}, {2, 2, 0.7}}, at::kDouble);
  RequireGradients(outputs);
  const auto losses = ComputeLosses(options, outputs, {OnePerson({0, 0.5f, 2}, 0.5f)}, 1);
  ASSERT_TRUE(losses.ok()) << losses.status();
  ASSERT_THAT(losses->matchings[0].images[0].queries, ElementsAre(0));

  // class 0 of query 0: wrong with p = 1/2; class 1: right with p = 1/2; class 1 of query 1: wrong with p = 3/4
  const double half = 0.25 * std::log(2.0), almost = std::pow(0.75, 2) * std::log(4.0);
  EXPECT_NEAR(Value(*losses, "loss_ce"), 0.75 * half + 0.25 * half + 0.75 * almost, 1e-12);
  EXPECT_NEAR(Value(*losses, "loss_keypoints"), 0.7, 1e-7);
  EXPECT_NEAR(Value(*losses, "loss_oks"), 1 - std::exp(-1.0) / (1 + 1e-6), 1e-7);
  EXPECT_NEAR(losses->total.item<double>(),
              2 * Value(*losses, "loss_ce") + 10 * Value(*losses, "loss_keypoints") + 4 * Value(*losses, "loss_oks"),
              1e-12);

  // d/dx of 10 |x| + 4 (1 - exp(-d^2 / 0.25)): 10 + 4 exp(-1) * 2 * 0.3 / 0.25
  losses->total.backward();
  const double* gradient = outputs.final.keypoints.grad().const_data_ptr<double>();
  EXPECT_NEAR(gradient[0], 10 + 4 * std::exp(-1.0) * 2.4, 1e-5);
  EXPECT_NEAR(gradient[1], 10 + 4 * std::exp(-1.0) * 3.2, 1e-5);
  for (int i = 2; i < 6; ++i) EXPECT_EQ(gradient[i], 0) << i;
}

TEST(CriterionTest, ClassErrorCountsMatchedQueries) {
  const CriterionOptions options = OptionsWithSigmas({0.1});
  ModelOutputs outputs;
  outputs.final.keypoints = Rows({{0.1, 0.1}, {0.5, 0.5}, {0.9, 0.9}}, at::kFloat);
  const Targets targets = {RandomPersons("class error", 2, 1)};
  const std::vector<float> places = {0.1f, 0.1f, 1, 0.9f, 0.9f, 1};
  std::copy(places.begin(), places.end(), targets[0].keypoints.mutable_data_ptr<float>());
  outputs.final.logits = Rows({{-1, 1}, {3, -3}, {1, -1}}, at::kFloat);
  auto losses = ComputeLosses(options, outputs, targets, 2);
  ASSERT_TRUE(losses.ok()) << losses.status();
  EXPECT_EQ(Value(*losses, "class_error"), 50);
  losses = ComputeLosses(options, outputs, {NoPersons(1)}, 0);
  ASSERT_TRUE(losses.ok()) << losses.status();
  EXPECT_EQ(Value(*losses, "class_error"), 100);
}

TEST(CriterionTest, NamesFollowTheOfficialCode) {
  const CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const Targets targets = {RandomPersons("a", 2, 3), NoPersons(3)};
  ModelOutputs outputs = RandomOutputs(at::kFloat);
  auto losses = ComputeLosses(options, outputs, targets, 2);
  ASSERT_TRUE(losses.ok()) << losses.status();
  EXPECT_THAT(Names(*losses), ElementsAre("loss_ce", "class_error", "loss_keypoints", "loss_oks", "set_class",
                                          "set_keypoints", "loss_ce_0", "loss_keypoints_0", "loss_oks_0", "set_class_0",
                                          "set_keypoints_0", "loss_ce_interm", "loss_keypoints_interm",
                                          "loss_oks_interm", "set_class_interm", "set_keypoints_interm"));

  // a model without decoder has nothing but the encoder's losses
  ModelOutputs encoder_only;
  encoder_only.intermediate = outputs.intermediate;
  losses = ComputeLosses(options, encoder_only, targets, 2);
  ASSERT_TRUE(losses.ok()) << losses.status();
  EXPECT_THAT(Names(*losses), ElementsAre("loss_ce_interm", "loss_keypoints_interm", "loss_oks_interm",
                                          "set_class_interm", "set_keypoints_interm"));

  CriterionOptions last_only = options;
  last_only.auxiliary_losses = false;
  losses = ComputeLosses(last_only, outputs, targets, 2);
  ASSERT_TRUE(losses.ok()) << losses.status();
  EXPECT_EQ(losses->values.size(), 11);
}

TEST(CriterionTest, WeightsAndNumBoxesScaleTheTotal) {
  CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const Targets targets = {RandomPersons("a", 2, 3), RandomPersons("b", 1, 3)};
  const ModelOutputs outputs = RandomOutputs(at::kDouble);
  auto total = [&](double num_boxes) {
    const auto losses = ComputeLosses(options, outputs, targets, num_boxes);
    EXPECT_TRUE(losses.ok()) << losses.status();
    return losses->total.item<double>();
  };
  const double three = total(3);
  EXPECT_NEAR(total(6), three / 2, 1e-12 * three);
  EXPECT_NEAR(total(0), three * 3, 1e-12 * three);  // at least 1

  options.class_weight = 3, options.keypoints_weight = 5, options.oks_weight = 7, options.intermediate_weight = 0.5;
  const auto losses = ComputeLosses(options, outputs, targets, 3);
  ASSERT_TRUE(losses.ok()) << losses.status();
  double expected = 0;
  for (const auto& [suffix, weight] : std::map<std::string, double>{{"", 1}, {"_0", 1}, {"_interm", 0.5}}) {
    expected += weight * (3 * Value(*losses, "loss_ce" + suffix) + 5 * Value(*losses, "loss_keypoints" + suffix) +
                          7 * Value(*losses, "loss_oks" + suffix));
  }
  EXPECT_NEAR(losses->total.item<double>(), expected, 1e-12);
}

// Every gradient element against a central difference. The matching does not change within the step, and no coordinate
// lies within a step of the kink of |x|.
TEST(CriterionTest, GradientsEqualFiniteDifferences) {
  const CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const Targets targets = {RandomPersons("a", 3, 3), RandomPersons("b", 1, 3)};
  const ModelOutputs outputs = RandomOutputs(at::kDouble);
  auto total = [&] {
    const auto losses = ComputeLosses(options, outputs, targets, 4);
    EXPECT_TRUE(losses.ok()) << losses.status();
    return losses->total;
  };
  RequireGradients(outputs);
  (total() * 3).backward();  // the factor must arrive too
  const double step = 1e-6;
  for (const at::Tensor& input : Inputs(outputs)) {
    ASSERT_TRUE(input.grad().defined());
    const at::Tensor plain = input.detach();
    double* x = plain.mutable_data_ptr<double>();
    for (int64_t i = 0; i < plain.numel(); ++i) {
      const double centre = x[i];
      x[i] = centre + step;
      const double up = total().item<double>();
      x[i] = centre - step;
      const double down = total().item<double>();
      x[i] = centre;
      EXPECT_NEAR(input.grad().const_data_ptr<double>()[i], 3 * (up - down) / (2 * step), 2e-7) << i;
    }
  }
}

TEST(CriterionTest, FloatAgreesWithDouble) {
  const CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const Targets targets = {RandomPersons("a", 3, 3), RandomPersons("b", 1, 3)};
  const ModelOutputs wide = RandomOutputs(at::kDouble), narrow = RandomOutputs(at::kFloat);
  RequireGradients(wide);
  RequireGradients(narrow);
  const auto expected = ComputeLosses(options, wide, targets, 4), actual = ComputeLosses(options, narrow, targets, 4);
  ASSERT_TRUE(expected.ok() && actual.ok());
  EXPECT_EQ(actual->total.scalar_type(), at::kFloat);
  for (size_t i = 0; i < expected->values.size(); ++i) {
    EXPECT_NEAR(actual->values[i].second, expected->values[i].second, 1e-5) << expected->values[i].first;
  }
  expected->total.backward();
  actual->total.backward();
  const std::vector<at::Tensor> wide_inputs = Inputs(wide), narrow_inputs = Inputs(narrow);
  for (size_t i = 0; i < wide_inputs.size(); ++i) {
    const at::Tensor difference = narrow_inputs[i].grad().to(at::kDouble) - wide_inputs[i].grad();
    EXPECT_LT(difference.abs().max().item<double>(), 2e-5) << i;
  }
}

TEST(CriterionTest, OrderOfPersonsDoesNotMatter) {
  const CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const ImageTargets persons = RandomPersons("a", 4, 3);
  const ImageTargets reversed = {at::flip(persons.labels, 0), at::flip(persons.boxes, 0),
                                 at::flip(persons.keypoints, 0), at::flip(persons.area, 0)};
  const ModelOutputs outputs = RandomOutputs(at::kDouble);
  const auto once = ComputeLosses(options, outputs, {persons, NoPersons(3)}, 4);
  const auto again = ComputeLosses(options, outputs, {reversed, NoPersons(3)}, 4);
  ASSERT_TRUE(once.ok() && again.ok());
  for (size_t i = 0; i < once->values.size(); ++i) {
    EXPECT_NEAR(once->values[i].second, again->values[i].second, 1e-12) << once->values[i].first;
  }
}

// Views of larger tensors, as a model's head may give them.
TEST(CriterionTest, TakesTensorsThatAreNotContiguous) {
  const CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const Targets targets = {RandomPersons("a", 3, 3), RandomPersons("b", 1, 3)};
  ModelOutputs plain, strided;
  plain.final = RandomPrediction("final", 2, 5, 9, at::kFloat);
  RequireGradients(plain);
  const at::Tensor logits = plain.final.logits.detach().transpose(0, 2).contiguous().set_requires_grad(true);
  strided.final = {logits.transpose(0, 2), plain.final.keypoints.detach()};
  const auto expected = ComputeLosses(options, plain, targets, 4), actual = ComputeLosses(options, strided, targets, 4);
  ASSERT_TRUE(expected.ok() && actual.ok());
  EXPECT_EQ(expected->values, actual->values);
  expected->total.backward();
  actual->total.backward();
  EXPECT_TRUE(at::equal(logits.grad().transpose(0, 2), plain.final.logits.grad()));
}

TEST(CriterionTest, PersonsWithoutPlaceStillGiveFiniteGradients) {
  const CriterionOptions options = OptionsWithSigmas({0.1, 0.1});
  ModelOutputs outputs;
  outputs.final = RandomPrediction("degenerate", 2, 3, 6, at::kFloat);
  RequireGradients(outputs);
  // area 0 without a hit; no visible joint
  const Targets targets = {OnePerson({0.3f, 0.4f, 0.5f, 0.6f, 1, 1}, 0), OnePerson({0, 0, 0, 0, 0, 0}, 0.5f)};
  const auto losses = ComputeLosses(options, outputs, targets, 2);
  ASSERT_TRUE(losses.ok()) << losses.status();
  EXPECT_NEAR(Value(*losses, "loss_oks"), 1 - 1e-6, 1e-6);
  losses->total.backward();
  EXPECT_TRUE(std::isfinite(outputs.final.keypoints.grad().abs().sum().item<double>()));
}

TEST(CriterionTest, SaysWhichLossIsNotFinite) {
  const CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  const Targets targets = {RandomPersons("a", 2, 3), NoPersons(3)};
  auto message = [&](auto poison, const Targets& wanted) {
    const ModelOutputs outputs = RandomOutputs(at::kFloat);
    poison(outputs);
    const auto losses = ComputeLosses(options, outputs, wanted, 2);
    EXPECT_EQ(losses.status().code(), absl::StatusCode::kInternal);
    return std::string(losses.status().message());
  };
  auto set = [](const at::Tensor& tensor, int64_t at, float value) { tensor.mutable_data_ptr<float>()[at] = value; };
  EXPECT_THAT(message([&](const ModelOutputs& o) { set(o.auxiliary[0].logits, 2 * 3 + 1, NAN); }, targets),
              HasSubstr("loss is not finite: loss_ce_0 (decoder layer 0): the logit of image 0, query 3, class 1"));
  EXPECT_THAT(message([&](const ModelOutputs& o) { set(o.final.logits, 10, INFINITY); }, targets),
              HasSubstr("loss_ce (decoder layer 1): the logit of image 1, query 0, class 0 is inf"));
  EXPECT_THAT(message([&](const ModelOutputs& o) { set(o.intermediate.keypoints, 6 * 2, NAN); },
                      {RandomPersons("hidden nowhere", 5, 3), NoPersons(3)}),
              HasSubstr("loss is not finite: encoder output: matching cost of image 0, query 2, person 0 is nan"));
}

TEST(CriterionTest, HandsOutALossThatIsNotFiniteWhereItIsToldTo) {
  CriterionOptions options = OptionsWithSigmas(kThreeSigmas);
  options.refuse_not_finite = false;
  const Targets targets = {RandomPersons("a", 2, 3), NoPersons(3)};
  for (const float poison : {NAN, INFINITY}) {
    const ModelOutputs outputs = RandomOutputs(at::kFloat);
    // class 0, which no person has, so the matching has an answer
    outputs.final.logits.mutable_data_ptr<float>()[0] = poison;
    const auto losses = ComputeLosses(options, outputs, targets, 2);
    ASSERT_TRUE(losses.ok()) << losses.status();
    EXPECT_TRUE(std::isnan(losses->total.item<double>()));
    for (const auto& [name, value] : losses->values) EXPECT_EQ(std::isnan(value), name == "loss_ce") << name;
  }
  // a cost that is no number has no matching here or there
  const ModelOutputs outputs = RandomOutputs(at::kFloat);
  outputs.final.keypoints.mutable_data_ptr<float>()[0] = NAN;
  EXPECT_EQ(ComputeLosses(options, outputs, {RandomPersons("a", 5, 3), NoPersons(3)}, 2).status().code(),
            absl::StatusCode::kInternal);
}

TEST(CriterionTest, RefusesImpossibleTargets) {
  const auto losses = ComputeLosses(OptionsWithSigmas({0.1, 0.1, 0.1}), RandomOutputs(at::kFloat),
                                    {OnePerson({0, 0, 0, 0, 0, 0, 1, 1, 1}, 0.5f, 2), NoPersons(3)}, 1);
  EXPECT_EQ(losses.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(losses.status().message()), HasSubstr("label is 2"));
}

TEST(CriterionTest, CountsPersons) {
  EXPECT_EQ(NumPersons({}), 0);
  EXPECT_EQ(NumPersons({RandomPersons("a", 3, 2), NoPersons(2), RandomPersons("b", 4, 2)}), 7);
}

}  // namespace
}  // namespace grouppose::loss
