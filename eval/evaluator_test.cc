#include "eval/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kAlmostOne = 0.9999999999999998;  // 1 / (1 + 2^-52)

// One keypoint with (2 sigma)^2 = 1.
KeypointDataset OneKeypoint() {
  KeypointDataset dataset;
  dataset.name = "one";
  dataset.names = {"nose"};
  dataset.sigmas = {0.5};
  return dataset;
}

EvaluatorOptions OptionsOf(const KeypointDataset& dataset = OneKeypoint()) {
  EvaluatorOptions options;
  options.dataset = dataset;
  return options;
}

// A person of medium area whose one keypoint is at (x, 0).
Annotation PersonAt(double x, int64_t id, int64_t image_id = 1, double area = 5000) {
  Annotation annotation;
  annotation.id = id;
  annotation.image_id = image_id;
  annotation.area = area;
  annotation.bbox = {x, 0, 50, 100};
  annotation.num_keypoints = 1;
  annotation.keypoints = {x, 0, 2};
  return annotation;
}

Detection FoundAt(double x, double score, int64_t image_id = 1) {
  Detection detection;
  detection.image_id = image_id;
  detection.score = score;
  detection.keypoints = {x, 0, 1};
  return detection;
}

Dataset DatasetOf(std::vector<Annotation> annotations, int num_images = 1) {
  Dataset dataset;
  for (int i = 1; i <= num_images; ++i) {
    dataset.images.push_back({i});
    dataset.images.back().crowd_index = 0;
  }
  dataset.annotations = std::move(annotations);
  dataset.categories.push_back({1, "person"});
  return dataset;
}

Metrics MustEvaluate(const Dataset& dataset, const std::vector<Detection>& detections,
                     const EvaluatorOptions& options = OptionsOf()) {
  auto metrics = Evaluate(dataset, detections, options);
  EXPECT_TRUE(metrics.ok()) << metrics.status();
  return metrics.ok() ? *std::move(metrics) : Metrics();
}

std::string Refusal(const Dataset& dataset, const std::vector<Detection>& detections,
                    EvaluatorOptions options = OptionsOf()) {
  options.annotations_name = "gt.json";
  options.detections_name = "dt.json";
  const auto metrics = Evaluate(dataset, detections, options);
  EXPECT_EQ(metrics.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(metrics.status().message());
}

TEST(Evaluate, OneExactDetection) {
  const Metrics metrics = MustEvaluate(DatasetOf({PersonAt(100, 1)}), {FoundAt(100, 0.3)});
  EXPECT_EQ(metrics.names,
            (std::vector<std::string>{"AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"}));
  EXPECT_EQ(metrics.Stat("AP50"), 0.9999999999999999);  // the mean of 101 numbers, rounded up
  EXPECT_NEAR(metrics.Stat("APm"), 1, 1e-15);
  EXPECT_EQ(metrics.Stat("APl"), -1);
  EXPECT_EQ(metrics.Stat("AR"), 1);
  EXPECT_EQ(metrics.Stat("ARl"), -1);
  EXPECT_TRUE(std::isnan(metrics.Stat("mAP")));
  EXPECT_EQ(metrics.Precision(0, 100, 0, 0), kAlmostOne);
  EXPECT_EQ(metrics.num_positives, 1);
}

TEST(Evaluate, AnOksBetweenThresholdsCountsBelowIt) {
  // d^2 = 2 * 5000 * -log(0.72): OKS 0.72, so five of the ten thresholds are passed
  const double distance = std::sqrt(2 * 5000 * -std::log(0.72));
  const Metrics metrics = MustEvaluate(DatasetOf({PersonAt(100, 1)}), {FoundAt(100 + distance, 0.3)});
  EXPECT_EQ(metrics.Stat("AR"), 0.5);
  EXPECT_NEAR(metrics.Stat("AP"), 0.5, 1e-15);
  EXPECT_EQ(metrics.Stat("AR50"), 1);
  EXPECT_EQ(metrics.Stat("AR75"), 0);
}

TEST(Evaluate, WithoutDetectionsEverythingIsZero) {
  const Metrics metrics = MustEvaluate(DatasetOf({PersonAt(100, 1), PersonAt(0, 2, 1, 10000)}), {});
  EXPECT_EQ(metrics.stats, std::vector<double>(10, 0.0));
}

TEST(Evaluate, WithoutAnnotationsThatCountNothingExists) {
  EXPECT_EQ(MustEvaluate(DatasetOf({}), {FoundAt(0, 1)}).stats, std::vector<double>(10, -1.0));
  Annotation empty = PersonAt(0, 1);
  empty.num_keypoints = 0;
  EXPECT_EQ(MustEvaluate(DatasetOf({empty}), {FoundAt(0, 1)}).stats, std::vector<double>(10, -1.0));
  EXPECT_EQ(MustEvaluate(Dataset(), {}).stats, std::vector<double>(10, -1.0));
}

TEST(Evaluate, AnIgnoredPersonIsNoLossAndFindingItNoFault) {
  Annotation empty = PersonAt(100000, 2);
  empty.num_keypoints = 0;
  const Dataset dataset = DatasetOf({PersonAt(0, 1), empty});
  EXPECT_NEAR(MustEvaluate(dataset, {FoundAt(100000, 0.9), FoundAt(0, 0.5)}).Stat("AP"), 1, 1e-15);
  // nobody is there: half of what was found is wrong
  EXPECT_NEAR(MustEvaluate(dataset, {FoundAt(50000, 0.9), FoundAt(0, 0.5)}).Stat("AP"), 0.5, 1e-15);
}

TEST(Evaluate, EqualScoresKeepTheOrderOfImages) {
  // right in image 1, wrong in image 2
  const Dataset dataset = DatasetOf({PersonAt(0, 1, 1), PersonAt(0, 2, 2)}, 2);
  const Metrics metrics = MustEvaluate(dataset, {FoundAt(1e6, 0.5, 2), FoundAt(0, 0.5, 1)});
  EXPECT_EQ(metrics.Precision(0, 50, 0, 0), kAlmostOne);
  // the other way round
  const Metrics other = MustEvaluate(dataset, {FoundAt(0, 0.5, 2), FoundAt(1e6, 0.5, 1)});
  EXPECT_NEAR(other.Precision(0, 50, 0, 0), 0.5, 1e-15);
}

TEST(Evaluate, DetectionsOfAnotherSizeAreNotHeldAgainstAnArea) {
  // boxes of 32^2 and of a little less, both at nobody
  Detection medium = FoundAt(1e6, 0.9), small = FoundAt(1e6, 0.9), right = FoundAt(0, 0.5);
  medium.bbox = Box{0, 0, 32, 32};
  small.bbox = Box{0, 0, 32, 31.999};
  right.bbox = Box{0, 0, 50, 100};
  const Dataset dataset = DatasetOf({PersonAt(0, 1)});
  EXPECT_NEAR(MustEvaluate(dataset, {medium, right}).Stat("APm"), 0.5, 1e-15);
  const Metrics metrics = MustEvaluate(dataset, {small, right});
  EXPECT_NEAR(metrics.Stat("APm"), 1, 1e-15);
  EXPECT_NEAR(metrics.Stat("AP"), 0.5, 1e-15);
}

TEST(Evaluate, ExtentsOfKeypointsAreTheAreaWithoutABox) {
  KeypointDataset two = OneKeypoint();
  two.names.push_back("tail");
  two.sigmas.push_back(0.5);
  Annotation person = PersonAt(0, 1);
  person.keypoints = {0, 0, 2, 50, 100, 2};
  Detection right, wrong;
  right.image_id = wrong.image_id = 1;
  right.keypoints = {0, 0, 1, 50, 100, 1};
  right.score = 0.5;
  wrong.score = 0.9;
  // the second box is ignored: the first detection has none
  right.bbox = Box{0, 0, 1, 1};
  wrong.keypoints = {1e6, 1e6, 1, 1e6 + 96, 1e6 + 96, 1};
  EXPECT_NEAR(MustEvaluate(DatasetOf({person}), {wrong, right}, OptionsOf(two)).Stat("APm"), 0.5, 1e-15);
  wrong.keypoints = {1e6, 1e6, 1, 1e6 + 96, 1e6 + 97, 1};
  EXPECT_NEAR(MustEvaluate(DatasetOf({person}), {wrong, right}, OptionsOf(two)).Stat("APm"), 1, 1e-15);
  // an area that is no number is of no other size
  person.keypoints = {0, 0, 2, 0, 0, 0};
  wrong.keypoints = {1e6, 1e6, 1, kNaN, 1e6 + 97, 1};
  EXPECT_NEAR(MustEvaluate(DatasetOf({person}), {wrong, right}, OptionsOf(two)).Stat("APm"), 0.5, 1e-15);
  wrong.keypoints = {1e6, 1e6, 1, 1e6 + 97, kNaN, 1};
  EXPECT_NEAR(MustEvaluate(DatasetOf({person}), {wrong, right}, OptionsOf(two)).Stat("APm"), 0.5, 1e-15);
}

TEST(Evaluate, AMatchWithIdZeroIsNone) {
  const Metrics metrics =
      MustEvaluate(DatasetOf({PersonAt(0, 0), PersonAt(1e6, 1)}), {FoundAt(0, 0.9), FoundAt(1e6, 0.5)});
  EXPECT_EQ(metrics.Stat("AR"), 0.5);
  ASSERT_EQ(metrics.warnings.size(), 1);
  EXPECT_EQ(metrics.warnings[0],
            "annotations[0] has id 0: who finds it counts as a false positive, as in the official tool");
}

TEST(Evaluate, MeansAreOverTheCategoriesThatExist) {
  Dataset dataset = DatasetOf({PersonAt(0, 1)});
  dataset.annotations.push_back(PersonAt(0, 2));
  dataset.annotations.back().category_id = 7;
  dataset.categories.insert(dataset.categories.begin(), {{7, "dog"}, {9, "cat"}});
  const Metrics metrics = MustEvaluate(dataset, {FoundAt(0, 1)});
  EXPECT_EQ(metrics.category_ids, (std::vector<int64_t>{1, 7, 9}));
  EXPECT_EQ(metrics.Stat("AR"), 0.5);
  EXPECT_EQ(metrics.Recall(0, 0, 0), 1);
  EXPECT_EQ(metrics.Recall(0, 1, 0), 0);
  EXPECT_EQ(metrics.Recall(0, 2, 0), -1);
}

TEST(Evaluate, DetailsSayWhoWasMatched) {
  EvaluatorOptions options = OptionsOf();
  options.details = true;
  Annotation empty = PersonAt(1e6, 7);
  empty.num_keypoints = 0;
  const Metrics metrics = MustEvaluate(DatasetOf({empty, PersonAt(0, 8)}),
                                       {FoundAt(1e6, 0.2), FoundAt(0, 0.9), FoundAt(5e6, 0.5)}, options);
  ASSERT_EQ(metrics.per_image.size(), 1);
  const ImageDetails& image = metrics.per_image[0];
  EXPECT_EQ(image.detection_ids, (std::vector<int64_t>{2, 3, 1}));
  EXPECT_EQ(image.scores, (std::vector<double>{0.9, 0.5, 0.2}));
  EXPECT_EQ(image.annotation_ids, (std::vector<int64_t>{8, 7}));
  EXPECT_EQ(image.annotation_ignored, (std::vector<bool>{false, true}));
  EXPECT_EQ(image.matches_50, (std::vector<int64_t>{8, 0, 7}));
  EXPECT_EQ(image.matches_75, (std::vector<int64_t>{8, 0, 7}));
  EXPECT_EQ(image.detection_ignored_50, (std::vector<bool>{false, false, true}));
  EXPECT_EQ(image.oks, (std::vector<double>{0, 1, 0, 0, 1, 0}));
  EXPECT_TRUE(MustEvaluate(DatasetOf({PersonAt(0, 8)}), {}).per_image.empty());
}

TEST(Evaluate, TheOrderOfImagesInTheFileDoesNotMatter) {
  Dataset dataset = DatasetOf({PersonAt(0, 1, 1), PersonAt(0, 2, 2), PersonAt(300, 3, 3)}, 3);
  const std::vector<Detection> detections = {FoundAt(10, 0.5, 2), FoundAt(0, 0.5, 1), FoundAt(320, 0.5, 3),
                                             FoundAt(500, 0.5, 3)};
  const Metrics metrics = MustEvaluate(dataset, detections);
  std::swap(dataset.images[0], dataset.images[2]);
  std::swap(dataset.annotations[0], dataset.annotations[1]);
  EXPECT_EQ(MustEvaluate(dataset, detections).precision, metrics.precision);
}

TEST(Evaluate, CrowdPoseSplitsImagesByCrowdIndex) {
  KeypointDataset crowdpose = OneKeypoint();
  crowdpose.summary_rule = SummaryRule::kByCrowdIndex;
  crowdpose.area_rule = AreaRule::kBoxFraction;
  Dataset dataset = DatasetOf({PersonAt(0, 1, 1), PersonAt(0, 2, 2), PersonAt(0, 3, 3), PersonAt(0, 4, 4)}, 4);
  const double indices[] = {0.19999, 0.2, 0.79999, 0.8};
  for (int i = 0; i < 4; ++i) dataset.images[i].crowd_index = indices[i];
  for (Annotation& annotation : dataset.annotations) annotation.area.reset();
  const Metrics metrics = MustEvaluate(dataset, {FoundAt(0, 0.9, 1), FoundAt(0, 0.9, 2)}, OptionsOf(crowdpose));
  ASSERT_EQ(metrics.stats.size(), 11);
  EXPECT_EQ(metrics.names[3], "zero3");
  EXPECT_EQ(metrics.stats[3], 0);
  EXPECT_EQ(metrics.stats[4], 0);
  EXPECT_EQ(metrics.Stat("AP_easy"), 1);
  EXPECT_EQ(metrics.Stat("AP_medium"), 0.505);  // 51 of the 101 recalls are reached, at four decimals
  EXPECT_EQ(metrics.Stat("AP_hard"), 0);
  EXPECT_EQ(metrics.Stat("AR"), 0.5);
  dataset.images[3].crowd_index = 0.5;
  EXPECT_EQ(MustEvaluate(dataset, {}, OptionsOf(crowdpose)).Stat("AP_hard"), -1);
}

TEST(Evaluate, RefusesWhatTheOfficialToolRefuses) {
  const Dataset dataset = DatasetOf({PersonAt(0, 1)});
  EXPECT_EQ(Refusal(dataset, {FoundAt(0, 1), FoundAt(0, 1, 77)}),
            "dt.json: detections[1]: image 77 is not among the 1 images of gt.json");
  Detection with_box = FoundAt(0, 1);
  with_box.bbox = Box{0, 0, 1, 1};
  EXPECT_EQ(Refusal(dataset, {with_box, FoundAt(0, 1)}),
            "dt.json: detections[1] (image 1): has no 'bbox'; expected one, since detections[0] has one (the official "
            "tool: KeyError: 'bbox')");
  EXPECT_TRUE(Evaluate(dataset, {FoundAt(0, 1), with_box}, OptionsOf()).ok());
}

TEST(Evaluate, RefusesOtherNumbersOfKeypoints) {
  Dataset dataset = DatasetOf({PersonAt(0, 1)});
  Detection wide = FoundAt(0, 1);
  wide.keypoints = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(Refusal(dataset, {wide}),
            "dt.json: detections[0] (image 1): expected 3 numbers in keypoints (one), found 6");
  EXPECT_EQ(Refusal(dataset, {}, OptionsOf(Coco())),
            "gt.json: annotations[0] (id 1): expected 51 numbers in keypoints (coco), found 3");
}

TEST(Evaluate, RefusesMissingFieldsThatTheRulesNeed) {
  Dataset dataset = DatasetOf({PersonAt(0, 12)});
  dataset.annotations[0].area.reset();
  EXPECT_EQ(Refusal(dataset, {}), "gt.json: annotations[0] (id 12): has no 'area'");
  KeypointDataset crowdpose = OneKeypoint();
  crowdpose.summary_rule = SummaryRule::kByCrowdIndex;
  crowdpose.area_rule = AreaRule::kBoxFraction;
  dataset.images[0].crowd_index.reset();
  EXPECT_EQ(Refusal(dataset, {}, OptionsOf(crowdpose)), "gt.json: images[0] (id 1): has no 'crowdIndex'");
  EXPECT_EQ(Refusal(dataset, {}, OptionsOf(KeypointDataset())), "data set '': no sigmas, expected one a keypoint");
}

}  // namespace
}  // namespace eval
