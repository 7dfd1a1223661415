#include "eval/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "eval/compare_format.h"
#include "eval/keypoint_dataset.h"
#include "eval/random_scene.h"

namespace eval {
namespace {

CompareOptions Options(int resamples, uint64_t seed = 0) {
  CompareOptions options;
  options.dataset = TwoKeypoints();
  options.resamples = resamples;
  options.seed = seed;
  return options;
}

// The same persons, found further away from where they are.
std::vector<Detection> Shifted(std::vector<Detection> detections, double pixels) {
  for (Detection& detection : detections) detection.keypoints[0] += pixels;
  return detections;
}

Comparison MustCompare(const Scene& scene, const std::vector<Detection>& b, const CompareOptions& options) {
  const auto comparison = Compare(scene.dataset, scene.detections, b, options);
  EXPECT_TRUE(comparison.ok()) << comparison.status();
  return *comparison;
}

const MetricComparison& Of(const Comparison& comparison, const std::string& name) {
  for (const MetricComparison& metric : comparison.metrics) {
    if (metric.name == name) return metric;
  }
  ADD_FAILURE() << "no metric " << name;
  return comparison.metrics[0];
}

// Every metric of every resample by evaluating data sets in which images stand several times.
std::vector<std::vector<double>> DifferencesByHand(const Scene& scene, const std::vector<Detection>& b,
                                                   const CompareOptions& options) {
  const int images = static_cast<int>(scene.dataset.images.size());
  std::vector<std::vector<double>> differences;
  for (int r = 0; r < options.resamples; ++r) {
    const std::vector<int> counts = base::BootstrapCounts(images, options.seed, r);
    EvaluatorOptions evaluator;
    evaluator.dataset = options.dataset;
    evaluator.quirks = options.quirks;
    const Scene of_a = Repeated(scene, counts), of_b = Repeated({scene.dataset, b}, counts);
    const auto metrics_a = Evaluate(of_a.dataset, of_a.detections, evaluator);
    const auto metrics_b = Evaluate(of_b.dataset, of_b.detections, evaluator);
    differences.resize(metrics_a->stats.size());
    for (size_t i = 0; i < differences.size(); ++i) {
      if (metrics_a->stats[i] < 0 || metrics_b->stats[i] < 0) continue;
      differences[i].push_back(metrics_b->stats[i] - metrics_a->stats[i]);
    }
  }
  return differences;
}

void ExpectEqualsEvaluatingEveryResample(const CompareOptions& options) {
  // so few images that some resamples have no large person
  const Scene scene = DrawScene(8, 4);
  const std::vector<Detection> b = Shifted(scene.detections, 4);
  const std::vector<std::vector<double>> differences = DifferencesByHand(scene, b, options);
  const Comparison comparison = MustCompare(scene, b, options);
  ASSERT_EQ(comparison.metrics.size(), differences.size());
  bool some_are_missing = false;
  for (size_t i = 0; i < differences.size(); ++i) {
    const MetricComparison& metric = comparison.metrics[i];
    const base::Interval expected = base::PercentileInterval(metric.b - metric.a, differences[i], 0.95);
    EXPECT_EQ(metric.resamples, static_cast<int>(differences[i].size())) << metric.name;
    EXPECT_EQ(metric.interval.estimate, expected.estimate) << metric.name;
    EXPECT_EQ(metric.interval.low, expected.low) << metric.name;
    EXPECT_EQ(metric.interval.high, expected.high) << metric.name;
    some_are_missing |= metric.resamples < options.resamples;
  }
  EXPECT_TRUE(some_are_missing);
}

TEST(Compare, EqualsEvaluatingEveryResample) { ExpectEqualsEvaluatingEveryResample(Options(60, 7)); }

TEST(Compare, EqualsEvaluatingEveryResampleWithoutQuirks) {
  CompareOptions options = Options(60, 7);
  options.quirks = CorrectedQuirks();
  ExpectEqualsEvaluatingEveryResample(options);
}

// Persons of whom the file says that they have no keypoints, although it lists some, count without quirks only.
TEST(Compare, TakesQuirks) {
  const Scene scene = DrawScene(20, 2);
  CompareOptions options = Options(200);
  const MetricComparison official = Of(MustCompare(scene, Shifted(scene.detections, 3), options), "AP");
  options.quirks = CorrectedQuirks();
  const MetricComparison corrected = Of(MustCompare(scene, Shifted(scene.detections, 3), options), "AP");
  EXPECT_GT(std::abs(corrected.a - official.a), 1e-3);
  EXPECT_GT(std::abs(corrected.b - official.b), 1e-3);
  EXPECT_NE(corrected.interval.low, official.interval.low);
  EXPECT_NE(corrected.interval.high, official.interval.high);
}

TEST(Compare, TellsAWorseResultFromABetterOne) {
  const Scene scene = DrawScene(120, 2);
  const std::vector<Detection> worse = Shifted(scene.detections, 5);
  const Comparison comparison = MustCompare(scene, worse, Options(2000));
  EXPECT_EQ(Of(comparison, "AP").verdict, base::Verdict::kWorse);
  EXPECT_LT(Of(comparison, "AP").interval.high, 0);
  EXPECT_LT(Of(comparison, "AP").holm_p_value, 0.05);
  EXPECT_GE(Of(comparison, "AP").holm_p_value, Of(comparison, "AP").p_value);
  // the other way around everything but the sign is the same
  const auto reversed = Compare(scene.dataset, worse, scene.detections, Options(2000));
  EXPECT_EQ(Of(*reversed, "AP").verdict, base::Verdict::kBetter);
  EXPECT_EQ(Of(*reversed, "AP").difference, -Of(comparison, "AP").difference);
  EXPECT_EQ(Of(*reversed, "AP").p_value, Of(comparison, "AP").p_value);
}

TEST(Compare, AResultWithItselfIsInconclusive) {
  const Scene scene = DrawScene(30, 2);
  const Comparison comparison = MustCompare(scene, scene.detections, Options(500));
  for (const MetricComparison& metric : comparison.metrics) {
    EXPECT_EQ(metric.difference, 0) << metric.name;
    EXPECT_EQ(metric.p_value, 1) << metric.name;
    EXPECT_EQ(metric.verdict, base::Verdict::kInconclusive) << metric.name;
  }
}

TEST(Compare, WhereNobodyIsThereSaysSo) {
  Scene scene = DrawScene(10, 2);
  for (Annotation& annotation : scene.dataset.annotations) annotation.num_keypoints = 0;
  const Comparison comparison = MustCompare(scene, scene.detections, Options(100));
  EXPECT_EQ(comparison.num_tests(), 0);
  for (const MetricComparison& metric : comparison.metrics) {
    EXPECT_EQ(metric.verdict, base::Verdict::kNotAvailable);
    EXPECT_TRUE(std::isnan(metric.difference));
  }
  EXPECT_NE(FormatComparisonText(comparison).find("Nothing can be compared"), std::string::npos);
  EXPECT_NE(FormatComparisonJson(comparison).find("\"difference\": null"), std::string::npos);
}

TEST(Compare, CrowdPoseHasNoPlaceholders) {
  const Scene scene = DrawScene(20, 2);
  CompareOptions options = Options(50);
  options.dataset.summary_rule = SummaryRule::kByCrowdIndex;
  const Comparison comparison = MustCompare(scene, Shifted(scene.detections, 3), options);
  std::vector<std::string> names;
  for (const MetricComparison& metric : comparison.metrics) names.push_back(metric.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"AP", "AP50", "AP75", "AR", "AR50", "AR75", "AP_easy", "AP_medium", "AP_hard"}));
}

TEST(Compare, SaysWhatItIsAbout) {
  const Scene scene = DrawScene(20, 2);
  const Comparison few = MustCompare(scene, Shifted(scene.detections, 3), Options(50));
  EXPECT_TRUE(few.too_few_resamples());
  const std::string text = FormatComparisonText(few);
  EXPECT_NE(text.find("speaks of evaluation images only"), std::string::npos) << text;
  EXPECT_NE(text.find("adjusted for 10 metrics"), std::string::npos) << text;
  EXPECT_NE(text.find("every verdict is inconclusive"), std::string::npos) << text;
  EXPECT_NE(FormatComparisonHtml(few).find("speaks of evaluation images only"), std::string::npos);
  EXPECT_FALSE(MustCompare(scene, scene.detections, Options(1000)).too_few_resamples());
}

TEST(Compare, RefusesWhatCannotBeCompared) {
  Scene scene = DrawScene(5, 2);
  EXPECT_FALSE(Compare(scene.dataset, {}, {}, Options(0)).ok());
  EXPECT_FALSE(Compare({}, {}, {}, Options(10)).ok());
  std::vector<Detection> elsewhere = scene.detections;
  elsewhere[0].image_id = 999;
  const auto refused = Compare(scene.dataset, scene.detections, elsewhere, Options(10));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(std::string(refused.status().message()).find("b: detections[0]"), 0u) << refused.status();
}

}  // namespace
}  // namespace eval
