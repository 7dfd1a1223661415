// Left and right are exchanged for every tenth person of a perfect result: explain names that error first, and its size
// within one point of what was planted. Persons for whom the exchange changes nothing (nobody can tell the left from
// the right of a nose) are not to be seen; those of whom one side is labelled are.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "base/random.h"
#include "eval/annotations.h"
#include "eval/explain.h"
#include "eval/explain_format.h"
#include "eval/oks.h"
#include "eval/planted_errors.h"

namespace eval {
namespace {

// Persons who count, all of them detected; those exchanged; and those of the latter for whom that changes anything.
struct Shares {
  int persons = 0, exchanged = 0, changed = 0;
  double exchanged_share() const { return static_cast<double>(exchanged) / persons; }
  double changed_share() const { return static_cast<double>(changed) / persons; }
};

// Whether some labelled keypoint is detected elsewhere than annotated.
bool IsElsewhere(const Annotation& person, const Detection& detection) {
  for (size_t i = 0; i < person.keypoints.size(); i += 3) {
    if (!(person.keypoints[i + 2] > 0)) continue;
    if (person.keypoints[i] != detection.keypoints[i] || person.keypoints[i + 1] != detection.keypoints[i + 1]) {
      return true;
    }
  }
  return false;
}

// `planted.detections` become the annotated poses, every tenth with left and right exchanged.
Shares PlantInversions(Planted* planted) {
  Shares shares;
  base::RandomStream random("inversions", {1});
  planted->detections.clear();
  for (const Annotation& person : planted->dataset.annotations) {
    if (person.iscrowd || person.num_keypoints == 0) continue;
    Detection detection = {person.image_id, person.category_id, person.keypoints, random.NextUniform(0.5, 1),
                           std::nullopt};
    if (++shares.persons % 10 == 0) {
      ++shares.exchanged;
      ExchangeLeftAndRight(*planted, &detection);
      shares.changed += IsElsewhere(person, detection);
    }
    planted->detections.push_back(detection);
  }
  return shares;
}

void ExpectNamedAndMeasured(Planted planted) {
  const Shares shares = PlantInversions(&planted);
  ASSERT_GT(shares.changed, 0);
  EvaluatorOptions options;
  options.dataset = planted.description;
  const auto explanation = Explain(planted.dataset, planted.detections, options);
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  const Diagnosis& diagnosis = explanation->diagnosis;
  const double reported =
      static_cast<double>(diagnosis.CountBetterExchanged()) / static_cast<double>(diagnosis.persons.size());
  EXPECT_NEAR(reported, shares.changed_share(), 0.01) << FormatExplanationText(*explanation);
  EXPECT_EQ(explanation->costs.largest().kind, ErrorKind::kInversion) << FormatExplanationText(*explanation);
  EXPECT_NE(explanation->Headline().find(absl::StrFormat(
                "the costliest error is inversion (left and right exchanged): %.1f %% of detected persons fit better",
                100 * reported)),
            std::string::npos)
      << explanation->Headline();
  std::printf("%d persons, %.2f %% exchanged, %.2f %% changed by it; reported: %.2f %%\n", shares.persons,
              100 * shares.exchanged_share(), 100 * shares.changed_share(), 100 * reported);
}

TEST(ExplainInversions, OfWholePersons) {
  for (const KeypointDataset& description : {Coco(), CrowdPose()}) {
    ExpectNamedAndMeasured(PerfectResults(description, 200, 1));
  }
}

// A quarter of the persons is labelled on the left only, a quarter at the nose only.
TEST(ExplainInversions, OfPersonsWithFewLabels) {
  Planted planted = PerfectResults(Coco(), 400, 2);
  base::RandomStream random("labels", {2});
  for (Annotation& person : planted.dataset.annotations) {
    const uint64_t few = random.NextBelow(4);
    for (const auto& [left, right] : Coco().flip_pairs) {
      if (few <= 1) person.keypoints[3 * right + 2] = 0;
      if (few == 1) person.keypoints[3 * left + 2] = 0;
    }
    person.num_keypoints = NumLabelled(person);
  }
  ExpectNamedAndMeasured(planted);
}

void ExpectNamedAndMeasuredOf(const std::string& file, const KeypointDataset& description) {
  const char* data = std::getenv("GROUPPOSE_TEST_DATA");
  if (data == nullptr || *data == '\0') GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set";
  const auto dataset = ReadDataset(std::string(data) + "/data/" + file);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  Planted planted;
  planted.description = description;
  planted.dataset = *dataset;
  ExpectNamedAndMeasured(planted);
}

TEST(ExplainInversions, OfRealPersons) {
  ExpectNamedAndMeasuredOf("coco_mini/annotations/person_keypoints_val2017.json", Coco());
}

TEST(ExplainInversions, OfRealCrowds) {
  ExpectNamedAndMeasuredOf("crowdpose_mini/json/crowdpose_trainval.json", CrowdPose());
}

}  // namespace
}  // namespace eval
