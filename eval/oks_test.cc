#include "eval/oks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Two keypoints with (2 sigma)^2 = 1 and 1/4, so that the expected values can be worked out by hand.
KeypointDataset TwoKeypoints() {
  KeypointDataset dataset;
  dataset.name = "two";
  dataset.names = {"a", "b"};
  dataset.sigmas = {0.5, 0.25};
  return dataset;
}

double OksOf(const std::vector<double>& detected, const std::vector<double>& annotated, double area, Box bbox = {}) {
  return Oks(TwoKeypoints())(detected.data(), {annotated.data(), bbox, area});
}

TEST(Oks, KnownPair) {
  // distance 5 at a: 25 / 1 / 100 / 2; distance 5 at b: 25 / 0.25 / 100 / 2
  EXPECT_DOUBLE_EQ(OksOf({13, 24, 0, 10, 20, 0}, {10, 20, 2, 13, 24, 1}, 100), (std::exp(-0.125) + std::exp(-0.5)) / 2);
  // the third number of a detected keypoint does not count
  EXPECT_EQ(OksOf({13, 24, 9, 10, 20, kNaN}, {10, 20, 2, 13, 24, 1}, 100),
            OksOf({13, 24, 0, 10, 20, 0}, {10, 20, 2, 13, 24, 1}, 100));
}

TEST(Oks, OnlyLabelledKeypointsCount) {
  EXPECT_DOUBLE_EQ(OksOf({13, 24, 0, 1e9, kNaN, 0}, {10, 20, 1, 13, 24, 0}, 100), std::exp(-0.125));
  EXPECT_EQ(OksOf({5, 5, 0, 7, 7, 0}, {5, 5, 2, 7, 7, 2}, 0), 1);
}

TEST(Oks, WithoutLabelsTheTripledBoxCounts) {
  // the box reaches from -10 to 40 in x and from 0 to 60 in y
  const Box box = {10, 20, 20, 20};
  const double inside = OksOf({-10, 0, 0, 50, 60, 0}, {0, 0, 0, 0, 0, 0}, 100, box);
  EXPECT_EQ(inside, 1);
  // b is 3 to the left and 4 below: 25 / 0.25 / 100 / 2
  const double outside = OksOf({0, 0, 0, -13, 64, 0}, {0, 0, 0, 0, 0, 0}, 100, box);
  EXPECT_DOUBLE_EQ(outside, (1 + std::exp(-0.5)) / 2);
  EXPECT_TRUE(std::isnan(OksOf({0, 0, 0, kNaN, 0, 0}, {0, 0, 0, 0, 0, 0}, 100, box)));
}

TEST(Oks, NaNAndInfinity) {
  EXPECT_TRUE(std::isnan(OksOf({kNaN, 20, 0, 0, 0, 0}, {10, 20, 2, 0, 0, 2}, 100)));
  EXPECT_EQ(OksOf({kInfinity, 20, 0, 7, 7, 0}, {10, 20, 2, 7, 7, 2}, 100), 0.5);
}

TEST(Oks, AnAreaOfZeroForgivesNothing) { EXPECT_EQ(OksOf({1, 0, 0, 0, 0, 0}, {0, 0, 2, 0, 0, 0}, 0), 0); }

TEST(Oks, PerKeypoint) {
  double similarities[2] = {999, 999};
  const std::vector<double> detected = {13, 24, 0, 10, 20, 0}, annotated = {10, 20, 2, 13, 24, 0};
  EXPECT_EQ(Oks(TwoKeypoints()).PerKeypoint(detected.data(), {annotated.data(), {}, 100}, similarities), 1);
  EXPECT_DOUBLE_EQ(similarities[0], std::exp(-0.125));
  EXPECT_DOUBLE_EQ(similarities[1], std::exp(-0.5));
}

TEST(AreaOf, FollowsTheRule) {
  Annotation annotation;
  annotation.bbox = {1, 2, 10, 20};
  annotation.area = 7;
  EXPECT_EQ(AreaOf(annotation, AreaRule::kAnnotated), 7);
  EXPECT_EQ(AreaOf(annotation, AreaRule::kBoxFraction), 10.0 * 20.0 * 0.53);
}

// From 2^53 on every second integer is a double: a one is lost where it comes alone and counts where ones were added up
// before. The expected values are numpy's.
TEST(NumpySum, AddsInNumpysOrder) {
  const double big = 9007199254740992.0;
  const auto with_ones = [&](int count) {
    std::vector<double> values(count, 1.0);
    values[0] = big;
    return values;
  };
  EXPECT_EQ(NumpySum(nullptr, 0), 0);
  // fewer than eight: one after the other
  EXPECT_EQ(NumpySum(with_ones(7).data(), 7), big);
  // eight: pairs, and pairs of pairs
  EXPECT_EQ(NumpySum(with_ones(8).data(), 8), big + 6);
  // what is left over comes one after the other: 6 + 1 is a tie that rounds to 8, 8 + 1 one that rounds to 8
  EXPECT_EQ(NumpySum(with_ones(11).data(), 11), big + 8);
  // sixteen: eight running sums
  EXPECT_EQ(NumpySum(with_ones(16).data(), 16), big + 14);
  // above 128: two halves, the first of a multiple of eight, here 64 and 72
  std::vector<double> values(136, 0.0);
  values[0] = big;
  values[8] = values[16] = values[64] = values[72] = 1;
  EXPECT_EQ(NumpySum(values.data(), 136), big + 2);
  // and one block up to there
  EXPECT_EQ(NumpySum(values.data(), 128), big);
}

}  // namespace
}  // namespace eval
