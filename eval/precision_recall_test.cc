#include "eval/precision_recall.h"

#include <gtest/gtest.h>

#include <limits>

namespace eval {
namespace {

enum Outcome { kWrong, kRight, kIgnored };

// The curve and the final recall, into poisoned memory.
struct Curve {
  double recall;
  std::vector<double> precision;
};
Curve CurveOf(const std::vector<Outcome>& outcomes, int64_t num_positives, const Quirks& quirks = OfficialQuirks()) {
  CurvePoints points(num_positives, quirks);
  for (const Outcome outcome : outcomes) {
    if (outcome == kWrong) points.AddWrong();
    if (outcome == kRight) points.AddFound();
  }
  Curve curve;
  curve.precision.assign(kNumRecalls, 999);
  curve.recall = points.Interpolate(curve.precision.data());
  return curve;
}

TEST(RecallGrid, HasTheBitsOfLinspace) {
  EXPECT_EQ(RecallGrid()[0], 0);
  EXPECT_EQ(RecallGrid()[35], 0.35000000000000003);
  EXPECT_EQ(RecallGrid()[95], 0.9500000000000001);
  int different = 0;
  for (int r = 0; r < kNumRecalls; ++r) different += RecallGrid()[r] != r / 100.0;
  EXPECT_EQ(different, 10);
  EXPECT_EQ(RecallGrid()[50], 0.5);
  EXPECT_EQ(RecallGrid()[100], 1);
}

TEST(CurvePoints, AnExactDetectionMissesOneByTwoToTheMinus52) {
  const Curve curve = CurveOf({kRight}, 1);
  EXPECT_EQ(curve.recall, 1);
  for (const double precision : curve.precision) EXPECT_EQ(precision, 0.9999999999999998);
}

TEST(CurvePoints, NothingDetected) {
  const Curve curve = CurveOf({}, 3);
  EXPECT_EQ(curve.recall, 0);
  for (const double precision : curve.precision) EXPECT_EQ(precision, 0);
}

TEST(CurvePoints, ByHand) {
  // precision 1, 1/2, 2/3, 2/3, 2/4, 3/5 at recall 1/4, 1/4, 2/4, 2/4, 2/4, 3/4
  const Curve curve = CurveOf({kRight, kWrong, kRight, kIgnored, kWrong, kRight}, 4);
  EXPECT_EQ(curve.recall, 0.75);
  for (int r = 0; r < kNumRecalls; ++r) {
    EXPECT_NEAR(curve.precision[r], r <= 25 ? 1 : r <= 50 ? 2.0 / 3 : r <= 75 ? 3.0 / 5 : 0, 1e-15) << r;
  }
}

TEST(CurvePoints, PrecisionNeverRisesWithRecall) {
  // wrong first: the later 4/5 counts at every lower recall
  const Curve curve = CurveOf({kWrong, kRight, kRight, kRight, kRight}, 8);
  for (int r = 0; r < kNumRecalls; ++r) EXPECT_NEAR(curve.precision[r], r <= 50 ? 4.0 / 5 : 0, 1e-15) << r;
}

TEST(CurvePoints, ThirtyFiveOfAHundredMissTheGridThere) {
  const Curve curve = CurveOf(std::vector<Outcome>(35, kRight), 100);
  EXPECT_GT(curve.precision[34], 0.99);
  EXPECT_EQ(curve.precision[35], 0);
  EXPECT_GT(CurveOf(std::vector<Outcome>(36, kRight), 100).precision[36], 0.99);
}

TEST(CurvePoints, CorrectedPerfectionIsOneAndThirtyFiveOfAHundredReachTheirPlace) {
  EXPECT_EQ(CurveOf({kRight}, 1, CorrectedQuirks()).precision[100], 1);
  const Curve curve = CurveOf(std::vector<Outcome>(35, kRight), 100, CorrectedQuirks());
  EXPECT_EQ(curve.precision[35], 1);
  EXPECT_EQ(curve.precision[36], 0);
}

TEST(CurvePoints, WrongOnesCountedElsewhereCountTheSame) {
  CurvePoints together(2, OfficialQuirks()), apart(2, OfficialQuirks());
  together.AddWrong();
  together.AddFound();
  together.AddWrong();
  together.AddFound();
  apart.AddFound(1);
  apart.AddWrong();
  apart.AddFound(1);
  double first[kNumRecalls], second[kNumRecalls];
  EXPECT_EQ(together.Interpolate(first), apart.Interpolate(second));
  for (int r = 0; r < kNumRecalls; ++r) EXPECT_EQ(first[r], second[r]);
}

TEST(CurvePoints, IgnoredOnlyIsZeroNotAbsent) {
  const Curve curve = CurveOf({kIgnored, kIgnored}, 2);
  EXPECT_EQ(curve.recall, 0);
  for (const double precision : curve.precision) EXPECT_EQ(precision, 0);
}

}  // namespace
}  // namespace eval
