// Every switch of eval/quirks.h both ways: the examples of docs/evaluation_quirks.md.
#include "eval/quirks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "eval/evaluator.h"

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// One keypoint with (2 sigma)^2 = 1.
KeypointDataset OneKeypoint() {
  KeypointDataset dataset;
  dataset.name = "one";
  dataset.names = {"nose"};
  dataset.sigmas = {0.5};
  return dataset;
}

Annotation PersonAt(double x, int64_t id, double area = 5000) {
  Annotation annotation;
  annotation.id = id;
  annotation.image_id = 1;
  annotation.area = area;
  annotation.bbox = {x, 0, 50, 100};
  annotation.num_keypoints = 1;
  annotation.keypoints = {x, 0, 2};
  return annotation;
}

Detection FoundAt(double x, double score) {
  Detection detection;
  detection.image_id = 1;
  detection.score = score;
  detection.keypoints = {x, 0, 1};
  return detection;
}

struct Example {
  Dataset dataset;
  std::vector<Detection> detections;
  KeypointDataset description = OneKeypoint();
};

Example ExampleOf(std::vector<Annotation> annotations, std::vector<Detection> detections) {
  Example example;
  example.dataset.images.push_back({1});
  example.dataset.annotations = std::move(annotations);
  example.dataset.categories.push_back({1, "person"});
  example.detections = std::move(detections);
  return example;
}

Metrics Score(const Example& example, const Quirks& quirks) {
  EvaluatorOptions options;
  options.dataset = example.description;
  options.quirks = quirks;
  auto metrics = Evaluate(example.dataset, example.detections, options);
  EXPECT_TRUE(metrics.ok()) << metrics.status();
  return metrics.ok() ? *std::move(metrics) : Metrics();
}

// A number of the summary with the official quirks, with all corrected, and with this one alone corrected.
struct Numbers {
  double official, corrected, alone;
};
Numbers NumbersOf(const Example& example, const std::string& stat, bool Quirks::*quirk) {
  Quirks alone;
  EXPECT_TRUE(alone.*quirk);
  EXPECT_FALSE(CorrectedQuirks().*quirk);
  alone.*quirk = false;
  return {Score(example, OfficialQuirks()).Stat(stat), Score(example, CorrectedQuirks()).Stat(stat),
          Score(example, alone).Stat(stat)};
}

#define EXPECT_NUMBERS(numbers, as_official, as_corrected) \
  do {                                                     \
    const Numbers actual = numbers;                        \
    EXPECT_NEAR(actual.official, as_official, 1e-12);      \
    EXPECT_NEAR(actual.corrected, as_corrected, 1e-12);    \
    EXPECT_NEAR(actual.alone, as_corrected, 1e-12);        \
  } while (false)

TEST(Quirks, ANaNCoordinateFindsSomebody) {
  EXPECT_NUMBERS(NumbersOf(ExampleOf({PersonAt(0, 1)}, {FoundAt(kNaN, 0.9)}), "AR", &Quirks::nan_similarity_matches), 1,
                 0);
}

TEST(Quirks, AnnotationZeroCannotBeFound) {
  const Example example = ExampleOf({PersonAt(0, 0)}, {FoundAt(0, 0.9)});
  EXPECT_NUMBERS(NumbersOf(example, "AR", &Quirks::annotation_zero_cannot_be_found), 0, 1);
  EXPECT_EQ(Score(example, OfficialQuirks()).warnings.size(), 1);
  EXPECT_TRUE(Score(example, CorrectedQuirks()).warnings.empty());
}

TEST(Quirks, TheLastAnnotationOfAnIdReplacesTheOthers) {
  // both persons are found, but officially the first stands where the second does
  EXPECT_NUMBERS(NumbersOf(ExampleOf({PersonAt(0, 1), PersonAt(1e6, 1)}, {FoundAt(0, 0.9), FoundAt(1e6, 0.8)}), "AR",
                           &Quirks::last_annotation_of_an_id_replaces_the_others),
                 0.5, 1);
}

TEST(Quirks, TheFirstDetectionDecidesAboutBoxes) {
  // the wrong detection has a small box, which officially does not count since the first has none
  KeypointDataset two = OneKeypoint();
  two.names.push_back("tail");
  two.sigmas.push_back(0.5);
  Annotation person = PersonAt(0, 1);
  person.keypoints = {0, 0, 2, 50, 100, 2};
  Detection right = FoundAt(0, 0.5), wrong = FoundAt(0, 0.9);
  right.keypoints = {0, 0, 1, 50, 100, 1};
  wrong.keypoints = {1e6, 0, 1, 1e6 + 50, 100, 1};
  wrong.bbox = Box{0, 0, 10, 10};
  Example example = ExampleOf({person}, {right, wrong});
  example.description = two;
  EXPECT_NUMBERS(NumbersOf(example, "APm", &Quirks::first_detection_decides_about_boxes), 0.5, 1);
  // and a later one without a box is no fault
  example.detections = {wrong, right};
  EvaluatorOptions options;
  options.dataset = two;
  EXPECT_FALSE(Evaluate(example.dataset, example.detections, options).ok());
  EXPECT_NEAR(Score(example, CorrectedQuirks()).Stat("APm"), 1, 1e-12);
}

TEST(Quirks, APersonAtTheBorderIsMediumAndLarge) {
  EXPECT_NUMBERS(
      NumbersOf(ExampleOf({PersonAt(0, 1, 9216)}, {FoundAt(0, 0.9)}), "ARm", &Quirks::borders_belong_to_both_areas), 1,
      -1);
  EXPECT_NUMBERS(
      NumbersOf(ExampleOf({PersonAt(0, 1, 9216)}, {FoundAt(0, 0.9)}), "ARl", &Quirks::borders_belong_to_both_areas), 1,
      1);
}

TEST(Quirks, NumKeypointsDecidesWhoCounts) {
  Annotation person = PersonAt(0, 1);
  person.num_keypoints = 0;
  EXPECT_NUMBERS(NumbersOf(ExampleOf({person}, {FoundAt(0, 0.9)}), "AR", &Quirks::num_keypoints_decides_who_counts), -1,
                 1);
  person = PersonAt(0, 1);
  person.keypoints[2] = 0;
  EXPECT_NUMBERS(NumbersOf(ExampleOf({person}, {FoundAt(0, 0.9)}), "AR", &Quirks::num_keypoints_decides_who_counts), 1,
                 -1);
}

TEST(Quirks, PrecisionIsBelowOne) {
  const Example example = ExampleOf({PersonAt(0, 1)}, {FoundAt(0, 0.9)});
  Quirks alone;
  alone.precision_is_below_one = false;
  EXPECT_EQ(Score(example, OfficialQuirks()).Stat("AP"), 0.9999999999999998);
  EXPECT_EQ(Score(example, alone).Stat("AP"), 1);
  EXPECT_EQ(Score(example, CorrectedQuirks()).Stat("AP"), 1);
}

TEST(Quirks, RecallsAreRoundedUp) {
  // 35 of 100 are found, the rest never
  std::vector<Annotation> annotations;
  std::vector<Detection> detections;
  for (int i = 0; i < 100; ++i) annotations.push_back(PersonAt(i * 1e6, i + 1));
  Example example = ExampleOf(annotations, {});
  for (int i = 0; i < 100; ++i) {
    example.dataset.annotations[i].image_id = i + 1;
    if (i > 0) example.dataset.images.push_back({i + 1});
    if (i >= 35) continue;
    example.detections.push_back(FoundAt(i * 1e6, 0.9));
    example.detections.back().image_id = i + 1;
  }
  EXPECT_NUMBERS(NumbersOf(example, "AP50", &Quirks::recalls_are_rounded_up), 35.0 / 101, 36.0 / 101);
}

TEST(Quirks, DifficultiesAreRoundedAndTakeAbsentCategoriesWithThem) {
  Example example = ExampleOf({PersonAt(0, 1), PersonAt(1e6, 2), PersonAt(2e6, 3)}, {FoundAt(0, 0.9)});
  example.dataset.images[0].crowd_index = 0;
  example.description.summary_rule = SummaryRule::kByCrowdIndex;
  // 34 of the 101 recalls are reached
  EXPECT_NUMBERS(NumbersOf(example, "AP_easy", &Quirks::difficulties_are_rounded), 0.3366, 34.0 / 101);
  // nobody is of the second category
  example.dataset.categories.push_back({2, "dog"});
  EXPECT_NUMBERS(NumbersOf(example, "AP_easy", &Quirks::difficulties_are_rounded), -0.3317, 34.0 / 101);
}

TEST(Quirks, ANaNScoreRanksLast) {
  const Example example = ExampleOf({PersonAt(0, 1)}, {FoundAt(0, kNaN)});
  EXPECT_EQ(Score(example, OfficialQuirks()).Stat("AR"), 1);
  for (const bool alone : {false, true}) {
    EvaluatorOptions options;
    options.dataset = example.description;
    if (!alone) options.quirks = CorrectedQuirks();
    options.quirks.nan_score_ranks_last = false;
    EXPECT_EQ(Evaluate(example.dataset, example.detections, options).status().message(),
              "detections: detections[0] (image 1): the score is NaN");
  }
}

}  // namespace
}  // namespace eval
