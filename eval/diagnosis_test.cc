#include "eval/diagnosis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "eval/corrections.h"
#include "eval/oks.h"
#include "eval/planted_errors.h"

namespace eval {
namespace {

// A left and a right hand and a head, far enough from each other to be told apart.
KeypointDataset ThreeKeypoints() {
  KeypointDataset description;
  description.name = "three";
  description.names = {"left", "right", "head"};
  description.sigmas = {0.05, 0.05, 0.05};
  description.flip_pairs = {{0, 1}};
  return description;
}

Annotation Person(int64_t id, double x, std::vector<double> visible = {2, 2, 2}) {
  Annotation person;
  person.id = id;
  person.image_id = 1;
  person.area = 10000;
  person.bbox = {x, 0, 100, 100};
  person.num_keypoints = 3;
  person.keypoints = {x, 50, visible[0], x + 100, 50, visible[1], x + 50, 0, visible[2]};
  return person;
}

// exp(-d^2 / (2 * 10000 * 0.1^2)): the distance of a similarity.
double Distance(double similarity) { return std::sqrt(-2 * std::log(similarity) * 100); }

Diagnosis MustDiagnose(const Dataset& dataset, const std::vector<Detection>& detections, bool mirrored = true) {
  EvaluatorOptions options;
  options.dataset = ThreeKeypoints();
  options.details = true;
  const DetectionTable table = TableOf(detections);
  const auto metrics = EvaluateTable(dataset, table, options);
  EXPECT_TRUE(metrics.ok()) << metrics.status();
  return Diagnose(dataset, table, options, *metrics, mirrored);
}

Dataset DatasetOf(const std::vector<Annotation>& persons) {
  Dataset dataset;
  dataset.images = {{1}};
  dataset.categories = {{1, "person"}};
  dataset.annotations = persons;
  return dataset;
}

Detection At(const std::vector<double>& places, double score = 0.9) {
  return {1, 1, {places[0], places[1], 1, places[2], places[3], 1, places[4], places[5], 1}, score, {}};
}

// The kinds of the three keypoints of a detection of the person at 0.
std::vector<KeypointKind> KindsOf(const std::vector<Annotation>& persons, const std::vector<double>& places) {
  const Diagnosis diagnosis = MustDiagnose(DatasetOf(persons), {At(places)});
  std::vector<KeypointKind> kinds;
  EXPECT_EQ(diagnosis.persons.size(), 1u);
  if (diagnosis.persons.empty()) return kinds;
  EXPECT_EQ(diagnosis.persons[0].annotation, 0);
  for (const DiagnosedKeypoint& keypoint : diagnosis.persons[0].keypoints) kinds.push_back(keypoint.kind);
  return kinds;
}

constexpr KeypointKind kGood = KeypointKind::kGood, kJitter = KeypointKind::kJitter, kMiss = KeypointKind::kMiss,
                       kInversion = KeypointKind::kInversion, kSwap = KeypointKind::kSwap,
                       kUnlabelled = KeypointKind::kUnlabelled;
using Kinds = std::vector<KeypointKind>;

TEST(Diagnosis, BordersOfGoodJitterAndMiss) {
  const auto head_at = [](double similarity) {
    return KindsOf({Person(1, 0)}, {0, 50, 100, 50, 50 + Distance(similarity), 0})[2];
  };
  EXPECT_EQ(head_at(1), kGood);
  EXPECT_EQ(head_at(0.8500001), kGood);
  EXPECT_EQ(head_at(0.8499999), kJitter);
  EXPECT_EQ(head_at(0.5000001), kJitter);
  EXPECT_EQ(head_at(0.4999999), kMiss);
}

TEST(Diagnosis, InversionIsTheOtherSideOfTheSamePerson) {
  EXPECT_EQ(KindsOf({Person(1, 0)}, {100, 50, 100, 50, 50, 0}), (Kinds{kInversion, kGood, kGood}));
  // an unlabelled place is no place: nothing is near
  EXPECT_EQ(KindsOf({Person(1, 0, {2, 0, 2})}, {100, 50, 100, 50, 50, 0}), (Kinds{kMiss, kUnlabelled, kGood}));
  // a head has no other side
  EXPECT_EQ(KindsOf({Person(1, 0)}, {0, 50, 100, 50, 0, 50}), (Kinds{kGood, kGood, kMiss}));
}

TEST(Diagnosis, SwapIsTheSameKeypointOfAnotherPerson) {
  const std::vector<Annotation> two = {Person(1, 0), Person(2, 300)};
  EXPECT_EQ(KindsOf(two, {300, 50, 100, 50, 50, 0}), (Kinds{kSwap, kGood, kGood}));
  // or its mirror image
  EXPECT_EQ(KindsOf(two, {400, 50, 100, 50, 50, 0}), (Kinds{kSwap, kGood, kGood}));
  // but no other keypoint
  EXPECT_EQ(KindsOf(two, {350, 0, 100, 50, 50, 0}), (Kinds{kMiss, kGood, kGood}));
  // of crowds and of people who do not count as well, as far as they are labelled
  std::vector<Annotation> ignored = two;
  ignored[1].num_keypoints = 0;
  EXPECT_EQ(KindsOf(ignored, {300, 50, 100, 50, 50, 0}), (Kinds{kSwap, kGood, kGood}));
}

TEST(Diagnosis, TheNearestPlaceDecides) {
  // 4 pixels from its own place, and 2 from that of another person
  EXPECT_EQ(KindsOf({Person(1, 0), Person(2, 6)}, {4, 50, 100, 50, 50, 0})[0], kSwap);
  EXPECT_EQ(KindsOf({Person(1, 0), Person(2, 9)}, {4, 50, 100, 50, 50, 0})[0], kGood);
}

TEST(Diagnosis, AMirroredPoseBelongsToItsPerson) {
  Annotation person = Person(1, 0);
  person.keypoints[8] = 0;
  const Dataset dataset = DatasetOf({person});
  const std::vector<Detection> mirrored = {At({100, 50, 0, 50, 50, 0})};
  const Diagnosis diagnosis = MustDiagnose(dataset, mirrored);
  ASSERT_EQ(diagnosis.persons.size(), 1u);
  EXPECT_TRUE(diagnosis.persons[0].mirrored);
  EXPECT_LT(diagnosis.persons[0].oks, kLocalisationOks);
  EXPECT_EQ(diagnosis.Count(kInversion), 2);
  EXPECT_TRUE(diagnosis.missed.empty());
  // not in the paper
  const Diagnosis paper = MustDiagnose(dataset, mirrored, /*mirrored=*/false);
  EXPECT_TRUE(paper.persons.empty());
  EXPECT_EQ(paper.missed, std::vector<int>{0});
  EXPECT_EQ(paper.CountUnmatched(UnmatchedKind::kBackground), 1);
}

TEST(Diagnosis, MatchesByScoreAndTellsSecondsFromBackground) {
  Annotation crowd = Person(3, 600);
  crowd.iscrowd = true;
  const Dataset dataset = DatasetOf({Person(1, 0), Person(2, 300), crowd});
  const Diagnosis diagnosis =
      MustDiagnose(dataset, {At({0, 50, 100, 50, 50, 0}, 0.5), At({2, 50, 102, 50, 52, 0}, 0.8),
                             At({9000, 0, 9000, 0, 9000, 0}, 0.7), At({600, 50, 700, 50, 650, 0}, 0.9)});
  ASSERT_EQ(diagnosis.persons.size(), 1u);
  EXPECT_EQ(diagnosis.persons[0].detection, 1);
  EXPECT_EQ(diagnosis.missed, std::vector<int>{1});
  ASSERT_EQ(diagnosis.unmatched.size(), 2u);
  EXPECT_EQ(diagnosis.unmatched[0].detection, 2);
  EXPECT_EQ(diagnosis.unmatched[0].kind, UnmatchedKind::kBackground);
  EXPECT_EQ(diagnosis.unmatched[1].detection, 0);
  EXPECT_EQ(diagnosis.unmatched[1].kind, UnmatchedKind::kSecond);
  EXPECT_EQ(diagnosis.num_on_ignored, 1);
  EXPECT_EQ(diagnosis.num_persons, 2);
}

TEST(Corrections, PutKeypointsAtTheSimilarityOfTheirKind) {
  const KeypointDataset description = ThreeKeypoints();
  const Dataset dataset = DatasetOf({Person(1, 0), Person(2, 300)});
  // a jitter of 0.6, a miss, and an inversion at 0.9 of the other side's place
  const std::vector<Detection> detections = {At({0, 50, 9000, 50, 50 + Distance(0.6), 0}),
                                             At({400, 50 + Distance(0.9), 400, 50, 350, 0})};
  const Diagnosis diagnosis = MustDiagnose(dataset, detections);
  ASSERT_EQ(diagnosis.persons.size(), 2u);
  const Oks oks(description);
  const auto similarity = [&](const DetectionTable& corrected, int person, int k) {
    const Annotation& annotation = dataset.annotations[person];
    double similarities[3];
    oks.PerKeypoint(corrected.rows[person].keypoints, {annotation.keypoints.data(), annotation.bbox, 10000},
                    similarities);
    return similarities[k];
  };
  const auto correct = [&](const Kinds& kinds) {
    return CorrectKeypoints(TableOf(detections), dataset, description, diagnosis, kinds);
  };
  EXPECT_NEAR(similarity(correct({kJitter}), 0, 2), 0.85, 1e-8);
  EXPECT_GE(similarity(correct({kJitter}), 0, 2), 0.85);
  EXPECT_NEAR(similarity(correct({kMiss}), 0, 1), 0.5, 1e-8);
  EXPECT_GE(similarity(correct({kMiss}), 0, 1), 0.5);
  EXPECT_NEAR(similarity(correct({kInversion}), 1, 0), 0.9, 1e-8);
  // and nothing else moves
  const auto expect_unmoved = [&](const DetectionTable& corrected, int row) {
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(corrected.Keypoint(row, k)[0], detections[row].keypoints[3 * k]) << k;
      EXPECT_EQ(corrected.Keypoint(row, k)[1], detections[row].keypoints[3 * k + 1]) << k;
    }
  };
  expect_unmoved(correct({kSwap}), 0);
  expect_unmoved(correct({kJitter}), 1);
  expect_unmoved(TableOf(detections), 0);
  EXPECT_EQ(similarity(correct({kJitter, kMiss, kInversion}), 0, 0), 1);
}

TEST(Corrections, OptimalScoresRankByOks) {
  const Dataset dataset = DatasetOf({Person(1, 0), Person(2, 300)});
  const std::vector<Detection> detections = {At({6, 50, 106, 50, 56, 0}, 0.9), At({0, 50, 100, 50, 50, 0}, 0.1),
                                             At({300, 50, 400, 50, 350, 0}, 0.5), At({9000, 0, 9000, 0, 9000, 0}, 1)};
  const std::vector<DetectionRow> scored = WithOptimalScores(TableOf(detections), dataset, ThreeKeypoints()).rows;
  EXPECT_EQ(scored[1].score, 1);
  EXPECT_EQ(scored[2].score, 1);
  // the second of its person resembles the first: 0.835 without suppression
  EXPECT_LT(scored[0].score, 0.4);
  EXPECT_GT(scored[0].score, 0.05);
  EXPECT_EQ(scored[3].score, 0);
}

}  // namespace
}  // namespace eval
