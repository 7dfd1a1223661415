#include "eval/matching.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(OksThresholds, HaveTheBitsOfLinspace) {
  EXPECT_EQ(OksThresholds()[0], 0.5);
  EXPECT_EQ(OksThresholds()[5], 0.75);
  EXPECT_EQ(OksThresholds()[9], 0.95);
  EXPECT_EQ(OksThresholds()[2], 0.6);
}

// Who each detection is matched with, into poisoned memory.
std::vector<int> Match(const std::vector<MatchTarget>& targets, const std::vector<double>& similarities,
                       int num_detections, double threshold) {
  std::vector<int> matches(num_detections, 999);
  MatchGroup(targets, similarities, num_detections, threshold, matches.data());
  return matches;
}

std::vector<MatchTarget> PlainTargets(int count) {
  std::vector<MatchTarget> targets;
  for (int i = 0; i < count; ++i) targets.push_back({i, false, false});
  return targets;
}

TEST(MatchGroup, TheBestDetectionChoosesFirst) {
  // both want target 0; the second gets what is left
  EXPECT_EQ(Match(PlainTargets(2), {0.9, 0.8, 0.95, 0.7}, 2, 0.5), (std::vector<int>{0, 1}));
  EXPECT_EQ(Match(PlainTargets(2), {0.9, 0.8, 0.95, 0.7}, 2, 0.75), (std::vector<int>{0, -1}));
}

TEST(MatchGroup, TheThresholdItselfIsEnough) {
  EXPECT_EQ(Match(PlainTargets(1), {0.75}, 1, 0.75), std::vector<int>{0});
  EXPECT_EQ(Match(PlainTargets(1), {0.7499999999}, 1, 0.75), std::vector<int>{-1});
}

TEST(MatchGroup, AThresholdOfOneForgivesRounding) {
  EXPECT_EQ(Match(PlainTargets(1), {1 - 1e-11}, 1, 1.0), std::vector<int>{0});
  EXPECT_EQ(Match(PlainTargets(1), {1 - 1e-9}, 1, 1.0), std::vector<int>{-1});
}

TEST(MatchGroup, OfEqualTargetsTheLaterIsTaken) {
  EXPECT_EQ(Match(PlainTargets(3), {0.8, 0.8, 0.6}, 1, 0.5), std::vector<int>{1});
}

TEST(MatchGroup, AnIgnoredTargetOnlyWhereNoOtherFits) {
  const std::vector<MatchTarget> targets = {{0, false, false}, {1, true, false}};
  EXPECT_EQ(Match(targets, {0.6, 1.0}, 1, 0.5), std::vector<int>{0});
  EXPECT_EQ(Match(targets, {0.4, 1.0}, 1, 0.5), std::vector<int>{1});
}

TEST(MatchGroup, ACrowdTakesManyAndAPersonOne) {
  EXPECT_EQ(Match({{0, true, true}}, {0.9, 0.9, 0.2}, 3, 0.5), (std::vector<int>{0, 0, -1}));
  EXPECT_EQ(Match({{0, true, false}}, {0.9, 0.9, 0.2}, 3, 0.5), (std::vector<int>{0, -1, -1}));
}

TEST(MatchGroup, NaNMatchesTheLastThatIsFree) {
  EXPECT_EQ(Match(PlainTargets(3), {kNaN, kNaN, kNaN}, 1, 0.95), std::vector<int>{2});
  // nothing is less than a NaN, so the next one replaces it, however small, and is the one to beat
  EXPECT_EQ(Match(PlainTargets(3), {kNaN, 0.1, 0.0}, 1, 0.95), std::vector<int>{1});
  EXPECT_EQ(Match(PlainTargets(3), {kNaN, 0.0, 0.1}, 1, 0.95), std::vector<int>{2});
  EXPECT_EQ(Match(PlainTargets(3), {kNaN, kNaN, kNaN, kNaN, kNaN, kNaN}, 2, 0.95), (std::vector<int>{2, 1}));
}

TEST(MatchGroup, SimilaritiesAreLookedUpByPosition) {
  // the second annotation of the file comes first, since the first is ignored
  const std::vector<MatchTarget> targets = {{1, false, false}, {0, true, false}};
  EXPECT_EQ(Match(targets, {0.9, 0.1}, 1, 0.5), std::vector<int>{1});
  EXPECT_EQ(Match(targets, {0.1, 0.9}, 1, 0.5), std::vector<int>{0});
}

TEST(MatchGroup, NoTargetsAndNoDetections) {
  EXPECT_EQ(Match({}, {}, 2, 0.5), (std::vector<int>{-1, -1}));
  EXPECT_EQ(Match(PlainTargets(2), {}, 0, 0.5), std::vector<int>{});
}

Annotation AnnotationOf(int64_t id, int64_t image_id, double area, int64_t category_id = 1) {
  Annotation annotation;
  annotation.id = id;
  annotation.image_id = image_id;
  annotation.category_id = category_id;
  annotation.area = area;
  annotation.num_keypoints = 1;
  annotation.keypoints = {0, 0, 2};
  return annotation;
}

Dataset DatasetOf(const std::vector<int64_t>& image_ids, const std::vector<Annotation>& annotations) {
  Dataset dataset;
  for (const int64_t id : image_ids) dataset.images.push_back({id});
  dataset.annotations = annotations;
  dataset.categories.push_back({1, "person"});
  return dataset;
}

TEST(OrderTargets, RangesAreClosedAndIgnoredComeLast) {
  const Dataset dataset = DatasetOf(
      {5}, {AnnotationOf(1, 5, 1023.999), AnnotationOf(2, 5, 1024), AnnotationOf(3, 5, 9216),
            AnnotationOf(4, 5, 9216.001), AnnotationOf(5, 5, 1e10), AnnotationOf(6, 5, 1.1e10), AnnotationOf(7, 5, 0)});
  const Grouping grouping = MakeGroups(dataset, {});
  ASSERT_EQ(grouping.groups.size(), 1);
  const auto counted = [&](int area) {
    std::vector<int> positions;
    bool ignored_seen = false;
    for (const MatchTarget& target :
         OrderTargets(grouping, grouping.groups[0], dataset, AreaRule::kAnnotated, kAreaRanges[area])) {
      if (!target.ignored) positions.push_back(target.position);
      EXPECT_FALSE(ignored_seen && !target.ignored);
      ignored_seen |= target.ignored;
    }
    return positions;
  };
  EXPECT_EQ(counted(0), (std::vector<int>{0, 1, 2, 3, 4, 6}));
  EXPECT_EQ(counted(1), (std::vector<int>{1, 2}));
  EXPECT_EQ(counted(2), (std::vector<int>{2, 3, 4}));
}

TEST(OrderTargets, CrowdsAndPersonsWithoutKeypointsAreIgnored) {
  Annotation crowd = AnnotationOf(1, 5, 2000), empty = AnnotationOf(2, 5, 2000);
  crowd.iscrowd = true;
  empty.num_keypoints = 0;
  const Dataset dataset = DatasetOf({5}, {crowd, empty, AnnotationOf(3, 5, 2000)});
  const Grouping grouping = MakeGroups(dataset, {});
  const auto targets = OrderTargets(grouping, grouping.groups[0], dataset, AreaRule::kAnnotated, kAreaRanges[0]);
  ASSERT_EQ(targets.size(), 3);
  EXPECT_EQ(targets[0].position, 2);
  EXPECT_TRUE(targets[1].crowd && targets[1].ignored);
  EXPECT_TRUE(!targets[2].crowd && targets[2].ignored);
}

Detection DetectionOf(int64_t image_id, double score, int64_t category_id = 1) {
  Detection detection;
  detection.image_id = image_id;
  detection.category_id = category_id;
  detection.score = score;
  detection.keypoints = {0, 0, 1};
  return detection;
}

TEST(MakeGroups, ImagesAscendAndTheRestIsLeftOut) {
  const Dataset dataset = DatasetOf({9, 3, 7}, {AnnotationOf(1, 9, 1), AnnotationOf(2, 3, 1), AnnotationOf(3, 9, 1),
                                                AnnotationOf(4, 1000, 1), AnnotationOf(5, 3, 1, 2)});
  const std::vector<Detection> detections = {DetectionOf(9, 0.1), DetectionOf(9, 0.2), DetectionOf(9, 0.9, 0),
                                             DetectionOf(3, 0.5)};
  const Grouping grouping = MakeGroups(dataset, TableOf(detections));
  EXPECT_EQ(grouping.image_ids, (std::vector<int64_t>{3, 7, 9}));
  ASSERT_EQ(grouping.groups.size(), 2);  // image 7 has nothing
  EXPECT_EQ(grouping.groups[0].image, 0);
  EXPECT_EQ(grouping.groups[1].image, 2);
  EXPECT_EQ(grouping.annotations, (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(grouping.detections, (std::vector<int>{3, 1, 0}));
  EXPECT_EQ(grouping.num_detections, (std::vector<int64_t>{1, 0, 3}));
  EXPECT_EQ(grouping.unknown_image, -1);
  EXPECT_TRUE(grouping.warnings.empty());
}

TEST(MakeGroups, TellsTheFirstDetectionOfAnUnknownImage) {
  const std::vector<Detection> detections = {DetectionOf(3, 0.1), DetectionOf(8, 0.2), DetectionOf(9, 0.3)};
  EXPECT_EQ(MakeGroups(DatasetOf({3}, {}), TableOf(detections)).unknown_image, 1);
}

TEST(MakeGroups, GivesTheSameOnAnyNumberOfThreads) {
  Dataset dataset = DatasetOf({}, {});
  std::vector<Detection> detections;
  for (int i = 0; i < 20000; ++i) {
    if (i % 50 == 0) dataset.images.push_back({i});
    detections.push_back(DetectionOf(i * 7 % 20000 / 50 * 50, i % 13, i % 3));
  }
  const DetectionTable table = TableOf(detections);
  const Grouping one = MakeGroups(dataset, table, {}, 1), three = MakeGroups(dataset, table, {}, 3);
  EXPECT_EQ(one.detections, three.detections);
  EXPECT_EQ(one.num_detections, three.num_detections);
  EXPECT_EQ(one.detections.size(), 6667);  // of the one category that is listed
}

TEST(MakeGroups, OnlyTheBestTwentyOfACategoryCount) {
  std::vector<Detection> detections;
  for (int i = 0; i < 30; ++i) detections.push_back(DetectionOf(3, 0.01 * i));
  // higher scores of a category that the data set lacks take no place
  for (int i = 0; i < 30; ++i) detections.push_back(DetectionOf(3, 0.9, 0));
  const Grouping grouping = MakeGroups(DatasetOf({3}, {}), TableOf(detections));
  ASSERT_EQ(grouping.detections.size(), 20);
  EXPECT_EQ(grouping.detections.front(), 29);
  EXPECT_EQ(grouping.detections.back(), 10);
}

TEST(MakeGroups, TheLastAnnotationOfAnIdReplacesItsNamesakes) {
  const Dataset dataset =
      DatasetOf({3, 4}, {AnnotationOf(1, 4, 1), AnnotationOf(2, 3, 1), AnnotationOf(1, 3, 1), AnnotationOf(9, 4, 1)});
  const Grouping grouping = MakeGroups(dataset, {});
  // image 3 comes first: its 2 and 1; then the 1 of image 4, which is the one of image 3 once more
  EXPECT_EQ(grouping.annotations, (std::vector<int>{1, 2, 2, 3}));
  ASSERT_EQ(grouping.groups.size(), 2);
  EXPECT_EQ(grouping.groups[0].num_annotations, 3);
  ASSERT_EQ(grouping.warnings.size(), 1);
  EXPECT_EQ(grouping.warnings[0], "1 annotations have the id of a later one and are replaced by it");

  Quirks quirks;
  quirks.last_annotation_of_an_id_replaces_the_others = false;
  const Grouping corrected = MakeGroups(dataset, {}, quirks);
  EXPECT_EQ(corrected.annotations, (std::vector<int>{1, 2, 0, 3}));
  EXPECT_TRUE(corrected.warnings.empty());
}

TEST(IsOutside, CorrectedRangesMeetAndDoNotOverlap) {
  Quirks corrected;
  corrected.borders_belong_to_both_areas = false;
  const AreaRange &all = kAreaRanges[0], &medium = kAreaRanges[1], &large = kAreaRanges[2];
  EXPECT_FALSE(IsOutside(9216, medium, {}));
  EXPECT_FALSE(IsOutside(9216, large, {}));
  EXPECT_TRUE(IsOutside(9216, medium, corrected));
  EXPECT_FALSE(IsOutside(9216, large, corrected));
  EXPECT_FALSE(IsOutside(1024, medium, corrected));
  EXPECT_FALSE(IsOutside(1e10, all, corrected));
  EXPECT_FALSE(IsOutside(1e10, large, corrected));
  EXPECT_TRUE(IsOutside(1.1e10, large, corrected));
}

TEST(GroupOks, RelevantLeavesOutOnlyWhatCannotMatch) {
  // one keypoint: OKS 1 at the person, nearly 0 far away, NaN at NaN
  const Dataset dataset = DatasetOf({3}, {AnnotationOf(1, 3, 100), AnnotationOf(2, 3, 100)});
  KeypointDataset description;
  description.name = "one";
  description.names = {"nose"};
  description.sigmas = {0.1};
  std::vector<Detection> detections = {DetectionOf(3, 0.9), DetectionOf(3, 0.8), DetectionOf(3, 0.7)};
  detections[1].keypoints = {100, 0, 1};
  detections[2].keypoints = {kNaN, 0, 1};
  const DetectionTable table = TableOf(detections);
  const Grouping grouping = MakeGroups(dataset, table);
  const Oks oks(description);
  GroupOks similarities(dataset, table, grouping, oks, AreaRule::kAnnotated);
  std::vector<bool> may_match;
  const std::vector<double> relevant = similarities.Relevant(grouping.groups[0], &may_match);
  const std::vector<double> all = similarities.All(grouping.groups[0]);
  EXPECT_EQ(may_match, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(relevant[0], all[0]);
  EXPECT_EQ(relevant[2], 0);
  EXPECT_TRUE(std::isnan(relevant[4]) && std::isnan(all[4]));
}

}  // namespace
}  // namespace eval
