#include "eval/resampled_metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "base/statistics.h"
#include "eval/keypoint_dataset.h"
#include "eval/random_scene.h"

namespace eval {
namespace {

EvaluatorOptions OptionsWithRanking(SummaryRule rule, const Quirks& quirks = OfficialQuirks()) {
  EvaluatorOptions options;
  options.dataset = TwoKeypoints();
  options.dataset.summary_rule = rule;
  options.quirks = quirks;
  options.ranking = true;
  return options;
}

Metrics MustEvaluate(const Scene& scene, SummaryRule rule = SummaryRule::kByArea,
                     const Quirks& quirks = OfficialQuirks()) {
  const auto metrics = Evaluate(scene.dataset, scene.detections, OptionsWithRanking(rule, quirks));
  EXPECT_TRUE(metrics.ok()) << metrics.status();
  return *metrics;
}

ResampledMetrics Resampled(const Scene& scene, SummaryRule rule = SummaryRule::kByArea,
                           const Quirks& quirks = OfficialQuirks()) {
  return {scene.dataset, OptionsWithRanking(rule).dataset, MustEvaluate(scene, rule, quirks), quirks};
}

std::vector<int> DrawCounts(int images, uint64_t seed) {
  std::vector<int> counts(images);
  base::RandomStream random("counts", {seed});
  for (int i = 0; i < images; ++i) ++counts[random.NextBelow(images)];
  return counts;
}

TEST(ResampledMetrics, WithCountsOfOneAreTheEvaluators) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Scene scene = DrawScene(30, seed);
    const Metrics metrics = MustEvaluate(scene);
    ASSERT_EQ(Resampled(scene).num_images(), 30);
    EXPECT_EQ(Resampled(scene)(std::vector<int>(30, 1)), metrics.stats) << "scene " << seed;
    EXPECT_GT(metrics.Stat("AP"), 0.1);
    EXPECT_LT(metrics.Stat("AP"), 0.9);
    EXPECT_NE(metrics.Stat("APl"), metrics.Stat("APm"));
  }
}

// With all quirks off: other curves and other means, for both rules of the summary.
TEST(ResampledMetrics, EqualTheEvaluatorWithoutQuirks) {
  for (const SummaryRule rule : {SummaryRule::kByArea, SummaryRule::kByCrowdIndex}) {
    int differ = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Scene scene = DrawScene(25, seed);
      const std::vector<int> counts = DrawCounts(25, seed);
      const std::vector<double> expected = MustEvaluate(Repeated(scene, counts), rule, CorrectedQuirks()).stats;
      EXPECT_EQ(Resampled(scene, rule, CorrectedQuirks())(counts), expected) << "scene " << seed;
      differ += expected != MustEvaluate(Repeated(scene, counts), rule).stats;
    }
    EXPECT_GE(differ, 15);
  }
}

TEST(ResampledMetrics, EqualTheEvaluatorOnRepeatedImages) {
  std::set<double> large;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Scene scene = DrawScene(25, seed);
    const std::vector<int> counts = DrawCounts(25, seed);
    const Metrics expected = MustEvaluate(Repeated(scene, counts));
    EXPECT_EQ(Resampled(scene)(counts), expected.stats) << "scene " << seed;
    large.insert(expected.Stat("APl"));
  }
  EXPECT_GT(large.size(), 20u);
}

TEST(ResampledMetrics, EqualCrowdPosesByDifficulty) {
  bool some_class_is_empty = false;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Scene scene = DrawScene(9, seed);
    const std::vector<int> counts = DrawCounts(9, seed);
    const Metrics expected = MustEvaluate(Repeated(scene, counts), SummaryRule::kByCrowdIndex);
    EXPECT_EQ(Resampled(scene, SummaryRule::kByCrowdIndex)(counts), expected.stats) << "scene " << seed;
    some_class_is_empty |= expected.Stat("AP_hard") == -1;
  }
  EXPECT_TRUE(some_class_is_empty);
}

TEST(ResampledMetrics, OfManyImages) {
  // recalls pass several values of the grid between two persons, and thousands of detections lie between corners
  const Scene scene = DrawScene(700, 5);
  const std::vector<int> counts = DrawCounts(700, 5);
  EXPECT_EQ(Resampled(scene)(counts), MustEvaluate(Repeated(scene, counts)).stats);
}

TEST(ResampledMetrics, OfEqualScoresInOneImage) {
  // one score for everything: the copies of an image follow each other whole
  Scene scene = DrawScene(12, 3);
  for (Detection& detection : scene.detections) detection.score = 0.5;
  const std::vector<int> counts = {2, 0, 3, 1, 1, 0, 4, 1, 0, 0, 2, 5};
  EXPECT_EQ(Resampled(scene)(counts), MustEvaluate(Repeated(scene, counts)).stats);
  for (Detection& detection : scene.detections) detection.score = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Resampled(scene)(counts), MustEvaluate(Repeated(scene, counts)).stats);
}

TEST(ResampledMetrics, OfNobodyAndOfNothing) {
  Scene scene = DrawScene(10, 1);
  EXPECT_EQ(Resampled(scene)(std::vector<int>(10, 0)), std::vector<double>(10, -1));
  scene.detections.clear();
  EXPECT_EQ(Resampled(scene)(std::vector<int>(10, 1)), std::vector<double>(10, 0));
}

TEST(ResampledMetrics, BootstrapIsTheSameOnAnyNumberOfThreads) {
  const Scene scene = DrawScene(25, 9);
  const ResampledMetrics resampled = Resampled(scene);
  // not a multiple of the lanes
  const auto one = resampled.Bootstrap(37, 11, 1);
  EXPECT_EQ(resampled.Bootstrap(37, 11, 3), one);
  ASSERT_EQ(one.size(), 37u);
  for (const int i : {0, 15, 16, 36}) EXPECT_EQ(one[i], resampled(base::BootstrapCounts(25, 11, i))) << i;
  EXPECT_NE(one[0], one[1]);
  EXPECT_NE(resampled.Bootstrap(1, 12, 1)[0], one[0]);
}

TEST(ResampledMetrics, RefuseWhatDoesNotBelongTogether) {
  const Scene scene = DrawScene(10, 1);
  EXPECT_THROW(Resampled(scene)(std::vector<int>(9, 1)), base::CheckError);
  EXPECT_THROW(Resampled(scene)(std::vector<int>(10, -1)), base::CheckError);
  EXPECT_THROW(Resampled(scene)(std::vector<int>(10, 70000)), base::CheckError);
  const auto without_ranking = Evaluate(scene.dataset, {}, {TwoKeypoints()});
  EXPECT_THROW(ResampledMetrics(scene.dataset, TwoKeypoints(), *without_ranking), base::CheckError);
}

}  // namespace
}  // namespace eval
