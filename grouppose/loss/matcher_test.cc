#include "grouppose/loss/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "grouppose/loss/test_batch.h"

namespace grouppose::loss {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MatcherOptions OptionsWithSigmas(std::vector<double> sigmas) {
  MatcherOptions options;
  options.sigmas = std::move(sigmas);
  return options;
}

// The cost of one pair, straight from the formula in matcher.h.
double PairCost(const MatcherOptions& options, const double* logits, const double* pose, const ImageTargets& target,
                int64_t person) {
  const int64_t joints = static_cast<int64_t>(options.sigmas.size());
  const float* row = target.keypoints.const_data_ptr<float>() + person * 3 * joints;
  const double area = target.area.const_data_ptr<float>()[person];
  const double p = 1 / (1 + std::exp(-logits[target.labels.const_data_ptr<int64_t>()[person]]));
  const double focal = 0.25 * std::pow(1 - p, 2) * -std::log(p + 1e-8) - 0.75 * p * p * -std::log(1 - p + 1e-8);
  double l1 = 0, similarity = 0, visible = 0;
  for (int64_t k = 0; k < joints; ++k) {
    if (row[2 * joints + k] == 0) continue;
    const double x = pose[2 * k] - row[2 * k], y = pose[2 * k + 1] - row[2 * k + 1];
    l1 += std::abs(x) + std::abs(y);
    similarity += std::exp(-(x * x + y * y) / (area * std::pow(2 * options.sigmas[k], 2) * 2));
    visible += 1;
  }
  const double oks = std::max(similarity / (visible + 1e-6), 1e-6);
  return options.class_cost * focal + options.keypoints_cost * l1 + options.oks_cost * (1 - oks);
}

// The cheapest total by trying every way to give queries to persons; few of both.
double BestTotal(const std::vector<std::vector<double>>& cost_of_person) {
  const size_t persons = cost_of_person.size(), queries = cost_of_person[0].size();
  std::vector<size_t> order(std::max(persons, queries));
  std::iota(order.begin(), order.end(), 0);
  double best = std::numeric_limits<double>::infinity();
  do {
    double total = 0;
    for (size_t i = 0; i < std::min(persons, queries); ++i) {
      total += persons <= queries ? cost_of_person[i][order[i]] : cost_of_person[order[i]][i];
    }
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

TEST(MatcherTest, MatchingHasTheLeastTotalCost) {
  const MatcherOptions options = OptionsWithSigmas({0.026, 0.079, 0.107});
  for (const int64_t persons : {1, 3, 5, 7}) {
    const PosePrediction prediction = RandomPrediction("brute", 2, 5, 6, at::kDouble);
    const Targets targets = {RandomPersons("first", persons, 3), RandomPersons("second", 2, 3)};
    const auto matching = Match(options, prediction, targets);
    ASSERT_TRUE(matching.ok()) << matching.status();
    for (int64_t image = 0; image < 2; ++image) {
      const int64_t count = targets[image].labels.size(0);
      std::vector<std::vector<double>> costs(count, std::vector<double>(5));
      for (int64_t p = 0; p < count; ++p) {
        for (int64_t q = 0; q < 5; ++q) {
          costs[p][q] =
              PairCost(options, prediction.logits.const_data_ptr<double>() + (image * 5 + q) * 2,
                       prediction.keypoints.const_data_ptr<double>() + (image * 5 + q) * 6, targets[image], p);
        }
      }
      const ImageMatching& pairs = matching->images[image];
      ASSERT_EQ(pairs.queries.size(), static_cast<size_t>(std::min<int64_t>(count, 5)));
      EXPECT_TRUE(std::is_sorted(pairs.queries.begin(), pairs.queries.end()));
      double total = 0;
      for (size_t i = 0; i < pairs.queries.size(); ++i) total += costs[pairs.persons[i]][pairs.queries[i]];
      EXPECT_NEAR(total, BestTotal(costs), 1e-9) << persons << " persons, image " << image;
    }
  }
}

TEST(MatcherTest, EachPersonGetsTheQueryThatLiesOnIt) {
  const MatcherOptions options = OptionsWithSigmas({0.1});
  PosePrediction prediction;
  prediction.logits = Rows({{0, 0}, {0, 0}, {0, 0}}, at::kFloat);
  prediction.keypoints = Rows({{0.9, 0.9}, {0.5, 0.1}, {0.1, 0.5}}, at::kFloat);
  ImageTargets targets = RandomPersons("places", 2, 1);
  const std::vector<float> places = {0.1f, 0.5f, 1, 0.9f, 0.9f, 2};
  std::copy(places.begin(), places.end(), targets.keypoints.mutable_data_ptr<float>());
  const auto matching = Match(options, prediction, {targets});
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_THAT(matching->images[0].queries, ElementsAre(0, 2));
  EXPECT_THAT(matching->images[0].persons, ElementsAre(1, 0));
}

// Both diagnostics average over every query and every person of the batch, unweighted.
TEST(MatcherTest, MeanCostsTakeAllPairsOfTheBatch) {
  const MatcherOptions options = OptionsWithSigmas({0.1});
  PosePrediction prediction;
  prediction.logits = at::zeros({2, 1, 2}, at::TensorOptions(at::kDouble));
  prediction.keypoints = at::zeros({2, 1, 2}, at::TensorOptions(at::kDouble));
  prediction.keypoints.mutable_data_ptr<double>()[2] = 0.5;  // x of image 1
  const Targets targets = {OnePerson({0.25f, 0.0f, 1}, 0.5f), OnePerson({1.0f, 1.0f, 0}, 0.5f)};
  const auto matching = Match(options, prediction, targets);
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_NEAR(matching->mean_class_cost, (0.25 - 0.75) * 0.25 * -std::log(0.5 + 1e-8), 1e-12);
  EXPECT_NEAR(matching->mean_keypoints_cost, (0.25 + 0.25) / 4, 1e-12);
}

TEST(MatcherTest, ImagesWithoutPersonsAndBatchesWithoutQueriesAreFine) {
  const MatcherOptions options = OptionsWithSigmas({0.1, 0.1});
  const auto matching =
      Match(options, RandomPrediction("empty", 2, 4, 6, at::kFloat), {NoPersons(2), RandomPersons("some", 2, 2)});
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_TRUE(matching->images[0].queries.empty());
  EXPECT_EQ(matching->images[1].queries.size(), 2);

  const auto none = Match(options, RandomPrediction("empty", 1, 4, 6, at::kFloat), {NoPersons(2)});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->mean_class_cost, 0);
  EXPECT_EQ(none->mean_keypoints_cost, 0);

  const auto no_query = Match(options, RandomPrediction("empty", 1, 0, 6, at::kFloat), {RandomPersons("some", 2, 2)});
  ASSERT_TRUE(no_query.ok()) << no_query.status();
  EXPECT_TRUE(no_query->images[0].queries.empty());
}

TEST(MatcherTest, EqualQueriesAreMatchedTheSameWayEveryTime) {
  const MatcherOptions options = OptionsWithSigmas({0.1, 0.1});
  PosePrediction prediction = RandomPrediction("ties", 1, 6, 6, at::kFloat);
  prediction.logits.fill_(0.5);
  prediction.keypoints.fill_(0.5);
  const Targets targets = {RandomPersons("ties", 3, 2)};
  const auto once = Match(options, prediction, targets), again = Match(options, prediction, targets);
  ASSERT_TRUE(once.ok() && again.ok());
  EXPECT_EQ(once->images[0].queries.size(), 3);
  EXPECT_EQ(once->images[0].queries, again->images[0].queries);
  EXPECT_EQ(once->images[0].persons, again->images[0].persons);
}

// A coordinate of a joint that is not annotated means nothing, whatever stands there.
TEST(MatcherTest, HiddenJointsDoNotCount) {
  const MatcherOptions options = OptionsWithSigmas({0.1, 0.1});
  const PosePrediction prediction = RandomPrediction("hidden", 1, 3, 6, at::kFloat);
  const auto plain = Match(options, prediction, {OnePerson({0.3f, 0.4f, 0, 0, 1, 0}, 0.5f)});
  const auto odd = Match(options, prediction, {OnePerson({0.3f, 0.4f, NAN, 1e30f, 1, 0}, 0.5f)});
  ASSERT_TRUE(plain.ok() && odd.ok()) << odd.status();
  EXPECT_EQ(plain->images[0].queries, odd->images[0].queries);
  EXPECT_EQ(plain->mean_keypoints_cost, odd->mean_keypoints_cost);
}

TEST(MatcherTest, NamesThePlaceOfACostThatIsNotANumber) {
  const MatcherOptions options = OptionsWithSigmas({0.1});
  PosePrediction prediction = RandomPrediction("nan", 2, 3, 3, at::kFloat);
  prediction.keypoints.mutable_data_ptr<float>()[(1 * 3 + 2) * 3] = std::nanf("");
  const auto matching = Match(options, prediction, {RandomPersons("a", 1, 1), RandomPersons("b", 1, 1)});
  EXPECT_EQ(matching.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(matching.status().message()), HasSubstr("image 1, query 2, person 0 is nan"));

  // 0/0: a person of area 0, hit exactly
  prediction.logits = Rows({{0, 0}}, at::kFloat);
  prediction.keypoints = Rows({{0.5, 0.25}}, at::kFloat);
  const auto hit = Match(options, prediction, {OnePerson({0.5f, 0.25f, 1}, 0)});
  EXPECT_EQ(hit.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(hit.status().message()), HasSubstr("area of the person 0"));
}

TEST(MatcherTest, RefusesImpossibleTargets) {
  const MatcherOptions options = OptionsWithSigmas({0.1});
  const PosePrediction prediction = RandomPrediction("refuse", 2, 3, 3, at::kFloat);
  auto message = [&](ImageTargets second) {
    const auto matching = Match(options, prediction, {NoPersons(1), std::move(second)});
    EXPECT_EQ(matching.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(matching.status().message());
  };
  EXPECT_THAT(message(OnePerson({0.5f, 0.5f, 1}, 0.5f, 2)),
              HasSubstr("targets of image 1, person 0: label is 2, expected 0 to 1"));
  EXPECT_THAT(message(OnePerson({0.5f, 0.5f, 1}, 0.5f, -1)), HasSubstr("label is -1"));
  EXPECT_THAT(message(OnePerson({0.5f, NAN, 1}, 0.5f)), HasSubstr("y of the visible joint 0 is nan"));
  EXPECT_THAT(message(OnePerson({0.5f, 0.5f, 1}, -0.5f)), HasSubstr("area is -0.5"));
  EXPECT_THAT(message(OnePerson({0.5f, 0.5f, 1}, INFINITY)), HasSubstr("area is inf"));
  EXPECT_THAT(message(OnePerson({0.5f, 0.5f}, 0.5f)), HasSubstr("keypoints are [1, 2], expected [1, 3]"));
  EXPECT_THROW((void)Match(options, prediction, {NoPersons(1)}), base::CheckError);
}

}  // namespace
}  // namespace grouppose::loss
