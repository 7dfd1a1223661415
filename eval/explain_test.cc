#include "eval/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "eval/explain_format.h"
#include "eval/keypoint_dataset.h"
#include "eval/planted_errors.h"

namespace eval {
namespace {

constexpr int kImages = 120;
// Every tenth person is spoilt.
constexpr int kEvery = 10;

EvaluatorOptions OptionsFor(const Planted& planted) {
  EvaluatorOptions options;
  options.dataset = planted.description;
  return options;
}

Explanation MustExplain(const Planted& planted) {
  const auto explanation = Explain(planted.dataset, planted.detections, OptionsFor(planted));
  EXPECT_TRUE(explanation.ok()) << explanation.status();
  return *explanation;
}

// Spoils the detection of every tenth person.
void Spoil(Planted* planted, const std::function<void(size_t, Detection*)>& spoil) {
  for (size_t i = 0; i < planted->dataset.annotations.size(); i += kEvery) spoil(i, &planted->detections[i]);
}

double Share(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }
double PersonShare(const Explanation& explanation, KeypointKind kind) {
  return Share(explanation.diagnosis.CountPersons(kind), static_cast<int64_t>(explanation.diagnosis.persons.size()));
}
double KeypointShare(const Explanation& explanation, KeypointKind kind) {
  return Share(explanation.diagnosis.Count(kind), explanation.diagnosis.num_labelled());
}

void ExpectNamed(const Explanation& explanation, ErrorKind kind) {
  EXPECT_EQ(explanation.costs.largest().kind, kind) << FormatExplanationText(explanation);
  EXPECT_NE(explanation.Headline().find(std::string("the costliest error is ") + ErrorKindName(kind)),
            std::string::npos)
      << explanation.Headline();
}

// What is gained in turn adds up to what is missing, and the AP measured is the evaluator's.
void ExpectConsistent(const Explanation& explanation) {
  EXPECT_EQ(explanation.costs.baseline.ap, explanation.metrics.Stat("AP"));
  double sum = explanation.costs.baseline.ap;
  for (const ErrorCost& cost : explanation.costs.costs) sum += cost.gain_in_turn;
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(Explain, OfPerfectResultsNothingIsWrong) {
  for (const KeypointDataset& description : {Coco(), CrowdPose()}) {
    const Explanation explanation = MustExplain(PerfectResults(description, 20, 1));
    EXPECT_NE(explanation.Headline().find("nothing is wrong"), std::string::npos) << explanation.Headline();
    EXPECT_EQ(KeypointShare(explanation, KeypointKind::kGood), 1);
    EXPECT_TRUE(explanation.diagnosis.missed.empty());
    EXPECT_TRUE(explanation.diagnosis.unmatched.empty());
    ExpectConsistent(explanation);
  }
}

TEST(Explain, NamesInversion) {
  for (const KeypointDataset& description : {Coco(), CrowdPose()}) {
    Planted planted = PerfectResults(description, kImages, 2);
    const double ap = MustExplain(planted).costs.baseline.ap;
    Spoil(&planted, [&](size_t, Detection* detection) { ExchangeLeftAndRight(planted, detection); });
    const Explanation explanation = MustExplain(planted);
    ExpectNamed(explanation, ErrorKind::kInversion);
    EXPECT_NEAR(PersonShare(explanation, KeypointKind::kInversion), 0.1, 0.01);
    const double in_pairs = 2.0 * description.flip_pairs.size() / description.num_keypoints();
    EXPECT_NEAR(KeypointShare(explanation, KeypointKind::kInversion), 0.1 * in_pairs, 0.01);
    EXPECT_NEAR(explanation.costs.largest().gain_in_turn, ap - explanation.costs.baseline.ap, 0.01);
    EXPECT_EQ(explanation.diagnosis.CountBetterExchanged(),
              explanation.diagnosis.CountPersons(KeypointKind::kInversion));
    EXPECT_TRUE(explanation.diagnosis.missed.empty());
    ExpectConsistent(explanation);
    // many have too low an OKS for the paper's matching, where a single keypoint has no partner
    EXPECT_EQ(explanation.paper_diagnosis.CountMirrored(), 0);
    if (description.name != "coco") continue;
    EXPECT_GT(explanation.diagnosis.CountMirrored(), 5);
    EXPECT_EQ(explanation.paper_diagnosis.CountPersons(KeypointKind::kInversion),
              explanation.diagnosis.CountPersons(KeypointKind::kInversion) - explanation.diagnosis.CountMirrored());
  }
}

TEST(Explain, NamesInversionAmongNoise) {
  Planted planted = PerfectResults(Coco(), kImages, 3);
  base::RandomStream random("noise", {3});
  for (size_t i = 0; i < planted.detections.size(); ++i) {
    const double size = planted.dataset.annotations[i].bbox[2];
    for (size_t j = 0; j < planted.detections[i].keypoints.size(); ++j) {
      if (j % 3 != 2) planted.detections[i].keypoints[j] += 0.01 * size * random.NextNormal();
    }
  }
  Spoil(&planted, [&](size_t, Detection* detection) { ExchangeLeftAndRight(planted, detection); });
  const Explanation explanation = MustExplain(planted);
  ExpectNamed(explanation, ErrorKind::kInversion);
  EXPECT_NEAR(KeypointShare(explanation, KeypointKind::kInversion), 0.1 * 16 / 17, 0.01);
  EXPECT_GT(KeypointShare(explanation, KeypointKind::kJitter), 0.01);
  ExpectConsistent(explanation);
}

TEST(Explain, SeesMirroredPosesOfWhichOneSideIsLabelled) {
  Planted planted = PerfectResults(Coco(), kImages, 13);
  for (Annotation& person : planted.dataset.annotations) {
    for (const auto& [left, right] : Coco().flip_pairs) person.keypoints[3 * right + 2] = 0;
  }
  Spoil(&planted, [&](size_t, Detection* detection) { ExchangeLeftAndRight(planted, detection); });
  const Explanation explanation = MustExplain(planted);
  // by the paper's definition these are misses
  EXPECT_EQ(explanation.diagnosis.Count(KeypointKind::kInversion), 0);
  EXPECT_NEAR(Share(explanation.diagnosis.CountBetterExchanged(), explanation.diagnosis.num_persons), 0.1, 0.01);
}

TEST(Explain, NamesJitter) {
  Planted planted = PerfectResults(Coco(), kImages, 4);
  Spoil(&planted, [&](size_t i, Detection* detection) {
    for (int k = 0; k < 17; ++k) MoveToSimilarity(planted, planted.dataset.annotations[i], k, 0.6, detection);
  });
  const Explanation explanation = MustExplain(planted);
  ExpectNamed(explanation, ErrorKind::kJitter);
  // a random shape has some keypoint of a pair nearer to the other's place
  EXPECT_NEAR(KeypointShare(explanation, KeypointKind::kJitter), 0.1, 0.01);
  EXPECT_NEAR(PersonShare(explanation, KeypointKind::kJitter), 0.1, 0.01);
  // from OKS 0.6 to 0.85: a tenth of the persons is found at 0.75, and fewer detections are wrong
  EXPECT_GT(explanation.costs.largest().gain_in_turn_at[5], 0.1);
  EXPECT_NEAR(explanation.costs.largest().gain_in_turn_at[1], 0, 0.02);
  EXPECT_NEAR(explanation.costs.largest().gain_in_turn_at[8], 0, 0.02);
  ExpectConsistent(explanation);
}

TEST(Explain, NamesMisses) {
  Planted planted = PerfectResults(Coco(), kImages, 5);
  Spoil(&planted, [&](size_t, Detection* detection) {
    for (int k = 0; k < 10; ++k) detection->keypoints[3 * k + 1] += 5000;
  });
  const Explanation explanation = MustExplain(planted);
  ExpectNamed(explanation, ErrorKind::kMiss);
  EXPECT_NEAR(KeypointShare(explanation, KeypointKind::kMiss), 0.1 * 10 / 17, 0.01);
  EXPECT_NEAR(PersonShare(explanation, KeypointKind::kMiss), 0.1, 0.01);
  ExpectConsistent(explanation);
}

TEST(Explain, NamesSwaps) {
  Planted planted = PerfectResults(Coco(), kImages, 6);
  const std::vector<Annotation>& persons = planted.dataset.annotations;
  Spoil(&planted, [&](size_t i, Detection* detection) {
    // the neighbour in the same image, after or before
    const bool last = i + 1 == persons.size() || persons[i + 1].image_id != persons[i].image_id;
    const Annotation& neighbour = persons[last ? i - 1 : i + 1];
    for (int j = 0; j < 3 * 8; ++j) detection->keypoints[j] = neighbour.keypoints[j];
  });
  const Explanation explanation = MustExplain(planted);
  ExpectNamed(explanation, ErrorKind::kSwap);
  EXPECT_NEAR(KeypointShare(explanation, KeypointKind::kSwap), 0.1 * 8 / 17, 0.01);
  EXPECT_NEAR(PersonShare(explanation, KeypointKind::kSwap), 0.1, 0.01);
  ExpectConsistent(explanation);
}

TEST(Explain, NamesBackground) {
  Planted planted = PerfectResults(Coco(), kImages, 7);
  const size_t count = planted.detections.size();
  for (size_t i = 0; i < count; i += kEvery) {
    Detection nobody = planted.detections[i];
    for (int k = 0; k < 17; ++k) nobody.keypoints[3 * k + 1] += 3000;
    nobody.score = 2;
    planted.detections.push_back(nobody);
  }
  const Explanation explanation = MustExplain(planted);
  // their scores are wrong as well: without persons to resemble, they would have ranked last
  EXPECT_GT(explanation.costs.costs[static_cast<int>(ErrorKind::kScoring)].gain_in_turn, 0.05);
  EXPECT_GT(explanation.costs.costs[static_cast<int>(ErrorKind::kBackground)].gain_alone, 0.05);
  const Diagnosis& diagnosis = explanation.diagnosis;
  EXPECT_NEAR(Share(diagnosis.CountUnmatched(UnmatchedKind::kBackground), diagnosis.num_detections), 0.1 / 1.1, 0.01);
  EXPECT_EQ(diagnosis.CountUnmatched(UnmatchedKind::kSecond), 0);
  ExpectConsistent(explanation);
}

TEST(Explain, NamesMissedPersons) {
  Planted planted = PerfectResults(Coco(), kImages, 8);
  std::vector<Detection> kept;
  for (size_t i = 0; i < planted.detections.size(); ++i) {
    if (i % kEvery != 0) kept.push_back(planted.detections[i]);
  }
  planted.detections = kept;
  const Explanation explanation = MustExplain(planted);
  ExpectNamed(explanation, ErrorKind::kMissed);
  EXPECT_NEAR(Share(static_cast<int64_t>(explanation.diagnosis.missed.size()), explanation.diagnosis.num_persons), 0.1,
              0.01);
  EXPECT_NEAR(explanation.costs.largest().gain_in_turn, 0.1, 0.01);
  EXPECT_NEAR(explanation.costs.largest().gain_alone, 0.1, 0.01);
  ExpectConsistent(explanation);
}

TEST(Explain, SeesScoresThatRankTheWorsePoseFirst) {
  Planted planted = PerfectResults(Coco(), kImages, 9);
  const size_t count = planted.detections.size();
  for (size_t i = 0; i < count; i += 2) {
    Detection worse = planted.detections[i];
    for (int k = 0; k < 17; ++k) MoveToSimilarity(planted, planted.dataset.annotations[i], k, 0.6, &worse);
    worse.score += 0.01;
    planted.detections.push_back(worse);
  }
  const Explanation explanation = MustExplain(planted);
  const ErrorCost& scoring = explanation.costs.costs[static_cast<int>(ErrorKind::kScoring)];
  EXPECT_NEAR(scoring.alone.ap, 1, 0.01);
  EXPECT_GT(scoring.gain_alone, 0.1);
  EXPECT_EQ(explanation.diagnosis.CountUnmatched(UnmatchedKind::kSecond), static_cast<int>((count + 1) / 2));
}

TEST(Explain, GroupsPersons) {
  Planted planted = PerfectResults(Coco(), kImages, 10);
  // small persons are not found; half of the keypoints of others are not labelled
  std::vector<Detection> kept;
  int num_small = 0, num_half = 0;
  for (size_t i = 0; i < planted.detections.size(); ++i) {
    Annotation& person = planted.dataset.annotations[i];
    const bool is_small = *person.area < 64 * 64, half = i % 2 == 0;
    num_small += is_small;
    num_half += half;
    for (int k = 0; half && k < 8; ++k) person.keypoints[3 * k + 2] = 0;
    if (!is_small) kept.push_back(planted.detections[i]);
  }
  planted.detections = kept;
  const Explanation explanation = MustExplain(planted);
  ASSERT_EQ(explanation.groups.size(), 3u);
  const PersonGroups& by_visible = explanation.groups[0];
  ASSERT_EQ(by_visible.groups.size(), 2u);
  EXPECT_EQ(by_visible.groups[0].name, "6 to 10");
  EXPECT_EQ(by_visible.groups[0].num_persons, num_half);
  EXPECT_EQ(by_visible.groups[1].name, "16 to 17");
  const PersonGroups& by_overlap = explanation.groups[1];
  ASSERT_EQ(by_overlap.groups.size(), 1u);
  EXPECT_EQ(by_overlap.groups[0].ap, explanation.metrics.Stat("AP"));
  EXPECT_NEAR(by_overlap.groups[0].ar, explanation.metrics.Stat("AR"), 1e-12);
  int small_persons = 0;
  for (const PersonGroup& group : explanation.groups[2].groups) {
    const bool below = group.name == "below 32²" || group.name == "32² to 64²";
    EXPECT_NEAR(group.ap, below ? 0 : 1, 1e-12) << group.name;
    EXPECT_EQ(group.num_matched, below ? 0 : group.num_persons) << group.name;
    if (below) small_persons += group.num_persons;
  }
  EXPECT_EQ(small_persons, num_small);
}

TEST(Explain, WithoutPersonsOrDetections) {
  Planted planted = PerfectResults(Coco(), 5, 11);
  planted.detections.clear();
  const Explanation nothing_found = MustExplain(planted);
  ExpectNamed(nothing_found, ErrorKind::kMissed);
  EXPECT_EQ(nothing_found.costs.largest().gain_in_turn, 1);
  planted.dataset.annotations.clear();
  const Explanation nobody = MustExplain(planted);
  EXPECT_NE(FormatExplanationText(nobody).find("nothing to explain"), std::string::npos);
  EXPECT_NE(FormatExplanationJson(nobody, planted.dataset).find("\"ap\": null"), std::string::npos);
}

Explanation MustExplain(const Planted& planted, const Quirks& quirks) {
  EvaluatorOptions options = OptionsFor(planted);
  options.quirks = quirks;
  const auto explanation = Explain(planted.dataset, planted.detections, options);
  EXPECT_TRUE(explanation.ok()) << explanation.status();
  return *explanation;
}

int NumLost(const Explanation& explanation, int annotation) {
  const std::vector<int>& missed = explanation.diagnosis.missed;
  return static_cast<int>(std::count(missed.begin(), missed.end(), annotation));
}

// Annotations 1 and 3, of different images, have one id: officially 3 is there twice and found once, and who finds 1
// finds nobody.
TEST(Explain, OfRepeatedIdsWhatTheQuirksMakeOfThem) {
  Planted planted = PerfectResults(Coco(), 5, 12);
  ASSERT_NE(planted.dataset.annotations[3].image_id, planted.dataset.annotations[1].image_id);
  planted.dataset.annotations[3].id = planted.dataset.annotations[1].id;
  const int persons = static_cast<int>(planted.detections.size());

  const Explanation official = MustExplain(planted, OfficialQuirks());
  ExpectConsistent(official);
  EXPECT_LT(official.metrics.Stat("AR"), 1);
  EXPECT_EQ(official.diagnosis.num_persons, persons);
  EXPECT_EQ(official.diagnosis.missed, std::vector<int>{3});
  EXPECT_EQ(official.diagnosis.persons.size(), persons - 1u);
  ASSERT_EQ(official.diagnosis.unmatched.size(), 1u);
  EXPECT_EQ(official.diagnosis.unmatched[0].detection, 1);
  ASSERT_EQ(official.metrics.warnings.size(), 1u);

  const Explanation corrected = MustExplain(planted, CorrectedQuirks());
  ExpectConsistent(corrected);
  EXPECT_EQ(corrected.metrics.Stat("AR"), 1);
  EXPECT_EQ(NumLost(corrected, 3), 0);
  EXPECT_EQ(corrected.diagnosis.persons.size(), static_cast<size_t>(persons));
  EXPECT_TRUE(corrected.metrics.warnings.empty());
}

// Officially num_keypoints decides who counts; without quirks the keypoints do, in groups and costs too.
TEST(Explain, WithoutQuirksKeypointsDecideWhoCounts) {
  Planted planted = PerfectResults(Coco(), 20, 14);
  std::vector<Detection> kept;
  for (size_t i = 0; i < planted.detections.size(); ++i) {
    // every fourth person is lost, and does not count officially
    if (i % 4 == 0) {
      planted.dataset.annotations[i].num_keypoints = 0;
    } else {
      kept.push_back(planted.detections[i]);
    }
  }
  planted.detections = kept;
  const int persons = static_cast<int>(planted.dataset.annotations.size());
  const Explanation official = MustExplain(planted, OfficialQuirks());
  EXPECT_NE(official.Headline().find("nothing is wrong"), std::string::npos) << official.Headline();
  EXPECT_EQ(official.diagnosis.num_persons, static_cast<int>(kept.size()));
  EXPECT_EQ(official.groups[0].groups[0].num_persons, static_cast<int>(kept.size()));
  const Explanation corrected = MustExplain(planted, CorrectedQuirks());
  ExpectNamed(corrected, ErrorKind::kMissed);
  ExpectConsistent(corrected);
  EXPECT_EQ(corrected.diagnosis.num_persons, persons);
  EXPECT_EQ(corrected.groups[0].groups[0].num_persons, persons);
  EXPECT_NEAR(corrected.groups[0].groups[0].ap, corrected.metrics.Stat("AP"), 1e-12);
}

TEST(Explain, WithoutQuirksNaNFindsNobody) {
  Planted planted = PerfectResults(Coco(), 5, 15);
  planted.detections[0].keypoints[0] = std::nan("");
  EXPECT_TRUE(MustExplain(planted, OfficialQuirks()).diagnosis.missed.empty());
  const Explanation corrected = MustExplain(planted, CorrectedQuirks());
  EXPECT_EQ(corrected.diagnosis.missed, std::vector<int>{0});
  ExpectConsistent(corrected);
}

TEST(Explain, RefusesWhatTheEvaluatorRefuses) {
  Planted planted = PerfectResults(Coco(), 5, 12);
  planted.detections[2].image_id = 7;
  const auto refused = Explain(planted.dataset, planted.detections, OptionsFor(planted));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().message(), "detections: detections[2]: image 7 is not among the 5 images of annotations");
  planted.detections[2].keypoints.pop_back();
  EXPECT_FALSE(Explain(planted.dataset, planted.detections, OptionsFor(planted)).ok());
}

}  // namespace
}  // namespace eval
