#include "grouppose/train/weight_average.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace grouppose::train {
namespace {

using ::testing::HasSubstr;

nn::NamedTensor Parameter(const std::string& name, double value, bool trained = true) {
  nn::NamedTensor named{name, at::full({2}, value, at::kFloat)};
  named.tensor.set_requires_grad(trained);
  return named;
}

double First(const at::Tensor& tensor) { return tensor.detach()[0].item<double>(); }

void Set(const nn::NamedTensor& named, double value) {
  const at::NoGradGuard no_grad;
  at::Tensor(named.tensor).fill_(value);
}

TEST(WeightAverageTest, FollowsTheFormula) {
  const std::vector<nn::NamedTensor> model = {Parameter("a", 1), Parameter("frozen", 5, /*trained=*/false)};
  WeightAverage average(model, 0.75);
  ASSERT_EQ(average.State().size(), 1u) << "what is not trained needs no average";
  EXPECT_EQ(First(average.State().at("a")), 1) << "it starts as a copy";
  Set(model[0], 3);
  average.Update();
  EXPECT_EQ(First(average.State().at("a")), 0.75 * 1 + 0.25 * 3);
  Set(model[0], 7);
  average.Update();
  EXPECT_EQ(First(average.State().at("a")), 0.75 * 1.5 + 0.25 * 7);
  EXPECT_EQ(First(model[0].tensor), 7) << "the weights stay";
  average.Copy();
  EXPECT_EQ(First(average.State().at("a")), 7);
}

// A head under two names, a frozen weight and a table of indices.
struct StateDict {
  nn::NamedTensor head = Parameter("decoder.head", 1), same_head = head, frozen = Parameter("frozen", 5, false);
  nn::NamedTensor table{"table", at::full({2}, 7, at::kLong)};
  StateDict() { same_head.name = "head"; }
  std::vector<nn::NamedTensor> entries() const { return {head, same_head, frozen, table}; }
};

TEST(WeightAverageTest, TakesWhatIsTrainedOnceHoweverManyNamesItHas) {
  const StateDict model;
  WeightAverage average(model.entries(), 0.75);
  Set(model.head, 3);
  average.Update();
  ASSERT_EQ(average.State().size(), 2u);
  EXPECT_EQ(First(average.State().at("head")), 0.75 * 1 + 0.25 * 3);
  EXPECT_EQ(First(average.State().at("decoder.head")), 0.75 * 1 + 0.25 * 3);
}

TEST(WeightAverageTest, TakesTheStateDictAsTheOfficialProgramDoes) {
  const StateDict model;
  WeightAverage average(model.entries(), 0.75, Averaged::kStateDict);
  Set(model.head, 3);
  at::Tensor(model.table.tensor).fill_(12);
  average.Update();
  const std::map<std::string, at::Tensor> state = average.State();
  ASSERT_EQ(state.size(), 4u);
  EXPECT_EQ(First(state.at("head")), 0.75 * 1.5 + 0.25 * 3) << "twice, for it has two names";
  EXPECT_EQ(First(state.at("frozen")), 5);
  EXPECT_EQ(state.at("table").scalar_type(), at::kLong);
  EXPECT_EQ(state.at("table")[0].item<int64_t>(), 8) << "8.25 towards zero";
  average.Exchange();
  EXPECT_EQ(model.table.tensor[0].item<int64_t>(), 8);
  average.Exchange();
  EXPECT_EQ(model.table.tensor[0].item<int64_t>(), 12);
}

TEST(WeightAverageTest, ExchangesAndGivesBack) {
  const std::vector<nn::NamedTensor> model = {Parameter("a", 1), Parameter("b", 2)};
  WeightAverage average(model, 0.5);
  Set(model[1], 4);
  average.Update();
  average.Exchange();
  EXPECT_EQ(First(model[0].tensor), 1);
  EXPECT_EQ(First(model[1].tensor), 3);
  average.Exchange();
  EXPECT_EQ(First(model[1].tensor), 4);
  EXPECT_EQ(First(average.State().at("b")), 3);
}

TEST(WeightAverageTest, LoadsWhatItSaved) {
  const std::vector<nn::NamedTensor> model = {Parameter("a", 1)};
  WeightAverage average(model, 0.5);
  std::map<std::string, at::Tensor> state = {{"a", at::full({2}, 9, at::kFloat)}};
  ASSERT_TRUE(average.LoadState(state).ok());
  EXPECT_EQ(First(average.State().at("a")), 9);

  state["b"] = state["a"];
  EXPECT_THAT(std::string(average.LoadState(state).message()), HasSubstr("has b"));
  EXPECT_THAT(std::string(average.LoadState({}).message()), HasSubstr("lacks a"));
  state = {{"a", at::full({3}, 1, at::kFloat)}};
  EXPECT_THAT(std::string(average.LoadState(state).message()), HasSubstr("expected [2]"));
  EXPECT_EQ(First(average.State().at("a")), 9) << "a refused state changes nothing";
}

}  // namespace
}  // namespace grouppose::train
