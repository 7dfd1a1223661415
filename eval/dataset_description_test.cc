#include "eval/dataset_description.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "eval/annotations.h"
#include "eval/dataset_flag.h"
#include "eval/evaluator.h"
#include "eval/oks.h"
#include "experiments/dataset_description.h"

namespace eval {
namespace {

using grouppose::experiments::Data;
using grouppose::experiments::DatasetDescription;
using grouppose::experiments::ParseDatasetDescription;

// Every field, doubles to the last bit.
void ExpectEqual(const KeypointDataset& found, const KeypointDataset& expected) {
  EXPECT_EQ(found.name, expected.name);
  EXPECT_EQ(found.names, expected.names);
  EXPECT_EQ(found.sigmas, expected.sigmas);
  EXPECT_EQ(found.flip_pairs, expected.flip_pairs);
  EXPECT_EQ(found.skeleton, expected.skeleton);
  EXPECT_EQ(found.area_rule, expected.area_rule);
  EXPECT_EQ(found.summary_rule, expected.summary_rule);
  EXPECT_EQ(found.crowd_index_borders, expected.crowd_index_borders);
  ASSERT_EQ(found.splits.size(), expected.splits.size());
  for (size_t i = 0; i < found.splits.size(); ++i) {
    EXPECT_EQ(found.splits[i].name, expected.splits[i].name);
    EXPECT_EQ(found.splits[i].annotations, expected.splits[i].annotations);
    EXPECT_EQ(found.splits[i].images, expected.splits[i].images);
  }
}

TEST(DatasetDescription, TheFilesOfCocoAndCrowdPoseSayWhatTheProgramsKnow) {
  for (const KeypointDataset* known : {&Coco(), &CrowdPose()}) {
    const auto found = DatasetOfFlag("eval/datasets/" + known->name + ".textproto");
    ASSERT_TRUE(found.ok()) << found.status();
    ExpectEqual(*found, *known);
  }
}

TEST(DatasetDescription, EveryFileOfTheFolderIsValid) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("eval/datasets")) {
    const auto found = DatasetOfFlag(entry.path().string());
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->name, entry.path().stem().string());
    ++files;
  }
  EXPECT_GE(files, 2);
}

TEST(DatasetDescription, NamesBecomePlaces) {
  const auto description = ParseDatasetDescription(R"(
    name: "hand"
    keypoints { name: "wrist" sigma: 0.1 }
    keypoints { name: "left_tip" sigma: 0.05 }
    keypoints { name: "right_tip" sigma: 0.07 }
    flip_pairs { left: "left_tip" right: "right_tip" }
    skeleton { from: "right_tip" to: "wrist" }
    area_rule: BOX_FRACTION summary_rule: BY_CROWD_INDEX crowd_index_borders: [0.25, 0.5])",
                                                   "hand");
  ASSERT_TRUE(description.ok()) << description.status();
  const auto hand = ToKeypointDataset(*description, CrowdPose());
  ASSERT_TRUE(hand.ok()) << hand.status();
  KeypointDataset expected;
  expected.name = "hand";
  expected.names = {"wrist", "left_tip", "right_tip"};
  expected.sigmas = {0.1, 0.05, 0.07};
  expected.flip_pairs = {{1, 2}};
  expected.skeleton = {{2, 0}};
  expected.area_rule = AreaRule::kBoxFraction;
  expected.summary_rule = SummaryRule::kByCrowdIndex;
  expected.crowd_index_borders = {0.25, 0.5};
  expected.splits = CrowdPose().splits;  // it names none
  ExpectEqual(*hand, expected);
}

TEST(DatasetDescription, AnExperimentWithoutOneHasTheKeypointsOfItsSource) {
  Data data;
  ExpectEqual(*KeypointDatasetOf(data), Coco());
  data.set_source(Data::SYNTHETIC);
  ExpectEqual(*KeypointDatasetOf(data), Coco());
  data.set_source(Data::CROWDPOSE);
  ExpectEqual(*KeypointDatasetOf(data), CrowdPose());
  data.mutable_dataset()->set_name("hand");
  EXPECT_FALSE(KeypointDatasetOf(data).ok()) << "no keypoints";
  auto* keypoint = data.mutable_dataset()->add_keypoints();
  keypoint->set_name("wrist");
  keypoint->set_sigma(0.1);
  EXPECT_EQ(KeypointDatasetOf(data)->num_keypoints(), 1);
  EXPECT_EQ(KeypointDatasetOf(data)->splits.size(), CrowdPose().splits.size());
}

TEST(DatasetDescription, WhatIsNoDataSetIsRefused) {
  EXPECT_EQ(DatasetOfFlag("cocoo").status().message(),
            "--dataset: expected coco, crowdpose or a dataset.textproto, found 'cocoo'; did you mean coco?");
  EXPECT_EQ(DatasetOfFlag("/no/hand.textproto").status().code(), absl::StatusCode::kNotFound);
  DatasetDescription many;
  many.set_name("many");
  for (int k = 0; k <= kMaxKeypoints; ++k) {
    auto* keypoint = many.add_keypoints();
    keypoint->set_name(std::to_string(k));
    keypoint->set_sigma(1);
  }
  EXPECT_EQ(ToKeypointDataset(many).status().message(), "data set 'many': 257 sigmas, expected at most 256");
}

// Five keypoints, their sigmas chosen so that the numbers can be worked out by hand.
KeypointDataset Five() {
  const auto description = ParseDatasetDescription(R"(
    name: "five"
    keypoints { name: "a" sigma: 0.5 }
    keypoints { name: "b" sigma: 0.25 }
    keypoints { name: "c" sigma: 0.125 }
    keypoints { name: "d" sigma: 1 }
    keypoints { name: "e" sigma: 0.05 })",
                                                   "five");
  EXPECT_TRUE(description.ok()) << description.status();
  return *ToKeypointDataset(*description);
}

TEST(FiveKeypoints, OksIsWhatTheSigmasSay) {
  // an area of 100; (2 sigma)^2: 1, 1/4, 1/16, 4, 1/100
  const std::vector<double> annotated = {10, 10, 2, 20, 10, 1, 30, 10, 2, 40, 10, 2, 50, 10, 0};
  // moved by 10, 5, 1 and 20; e is not labelled and counts for nothing
  const std::vector<double> detected = {20, 10, 1, 20, 15, 1, 29, 10, 1, 40, 30, 1, 500, 500, 1};
  // exp(-d^2 / (2 sigma)^2 / area / 2): 100 / 1 / 200, 25 / (1/4) / 200, 1 / (1/16) / 200, 400 / 4 / 200
  const double expected = (std::exp(-0.5) + std::exp(-0.5) + std::exp(-0.08) + std::exp(-0.5)) / 4;
  EXPECT_NEAR(Oks(Five())(detected.data(), {annotated.data(), {}, 100}), expected, 1e-15);
  EXPECT_NEAR(expected, 0.6856771, 1e-7);
}

TEST(FiveKeypoints, EvaluationCountsByIt) {
  Dataset truth;
  truth.images = {{1, 100, 100, "1.jpg"}};
  truth.categories = {{1, "person"}};
  Annotation person;
  person.id = person.image_id = 1;
  person.bbox = {0, 0, 100, 100};
  person.area = 100;
  person.num_keypoints = 4;
  person.keypoints = {10, 10, 2, 20, 10, 1, 30, 10, 2, 40, 10, 2, 50, 10, 0};
  truth.annotations = {person};
  Detection detection;
  detection.image_id = 1;
  detection.score = 0.9;
  detection.keypoints = {20, 10, 1, 20, 15, 1, 29, 10, 1, 40, 30, 1, 500, 500, 1};
  EvaluatorOptions options;
  options.dataset = Five();
  const auto metrics = Evaluate(truth, {detection}, options);
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  // an OKS of 0.686 reaches 0.50, 0.55, 0.60 and 0.65 of the ten thresholds
  EXPECT_NEAR(metrics->Stat("AP"), 0.4, 1e-12);
  EXPECT_NEAR(metrics->Stat("AR"), 0.4, 1e-12);
  EXPECT_NEAR(metrics->Stat("AP75"), 0, 1e-12);
}

}  // namespace
}  // namespace eval
