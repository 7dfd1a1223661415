#include "grouppose/data/pose_drawing.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace grouppose {
namespace {

using Pixel = std::array<int, 3>;

constexpr Pixel kWhite = {255, 255, 255}, kFirstColour = {230, 159, 0}, kSecondColour = {86, 180, 233};

// Large enough for limbs of several pixels, whose middle has their colour.
Image White() { return {400, 400, std::vector<uint8_t>(400 * 400 * 3, 255)}; }

Pixel At(const Image& image, int x, int y) {
  const uint8_t* pixel = &image.pixels[3 * (y * image.width + x)];
  return {pixel[0], pixel[1], pixel[2]};
}

// A bar: two keypoints, a limb between them.
eval::KeypointDataset Bar() {
  eval::KeypointDataset bar;
  bar.names = {"left", "right"};
  bar.sigmas = {0.1, 0.1};
  bar.skeleton = {{0, 1}};
  return bar;
}

TEST(DrawPosesTest, JoinsTheKeypointsThatTheDescriptionJoins) {
  Image image = White();
  DrawPoses(Bar(), {{80, 200, 2, 320, 200, 2}}, &image);
  EXPECT_EQ(At(image, 80, 200), kFirstColour);
  EXPECT_EQ(At(image, 200, 200), kFirstColour);
  EXPECT_EQ(At(image, 320, 200), kFirstColour);
  EXPECT_EQ(At(image, 200, 240), kWhite);
  EXPECT_EQ(At(image, 360, 200), kWhite);
  eval::KeypointDataset without_limb = Bar();
  without_limb.skeleton.clear();
  Image points = White();
  DrawPoses(without_limb, {{80, 200, 2, 320, 200, 2}}, &points);
  EXPECT_EQ(At(points, 80, 200), kFirstColour);
  EXPECT_EQ(At(points, 200, 200), kWhite);
}

TEST(DrawPosesTest, TheFirstPoseIsOnTop) {
  Image image = White();
  DrawPoses(Bar(), {{80, 200, 2, 320, 200, 2}, {200, 80, 2, 200, 320, 2}}, &image);
  EXPECT_EQ(At(image, 200, 200), kFirstColour);
  EXPECT_EQ(At(image, 200, 120), kSecondColour);
}

TEST(DrawPosesTest, LeavesOutKeypointsThatAreNotThere) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const DrawnKeypoints& pose : std::vector<DrawnKeypoints>{{80, 200, 2, 320, 200, 0},
                                                                {80, 200, 2, nan, 200, 2},
                                                                {80, 200, 2, 320, infinity, 2},
                                                                {80, 200, 2, 1e300, 200, 2}}) {
    Image image = White();
    DrawPoses(Bar(), {pose}, &image);
    EXPECT_EQ(At(image, 80, 200), kFirstColour);
    EXPECT_EQ(At(image, 200, 200), kWhite);
    EXPECT_EQ(At(image, 320, 200), kWhite);
  }
}

TEST(DrawPosesTest, DrawsWhatIsInsideOfAPoseThatLeavesThePicture) {
  Image image = White();
  DrawPoses(Bar(), {{200, 200, 2, 20000, 200, 2}}, &image);
  EXPECT_EQ(At(image, 399, 200), kFirstColour);
}

}  // namespace
}  // namespace grouppose
