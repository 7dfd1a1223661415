#include "grouppose/nn/position_encoding.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/check.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::nn {
namespace {

TEST(PixelPositionEncoding, EqualsTheOfficialOne) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_position_encoding");
  const at::Tensor expected = fixture.Get("pos").flatten(2).transpose(1, 2);
  EXPECT_TRUE(
      testing::Near(PixelPositionEncoding(fixture.Get("mask"), 256, {20, 20}), expected, fixture.Number("tol")));
}

// The formula written out, for a hidden size and a temperature that are not the official ones.
TEST(PixelPositionEncoding, FollowsTheFormulaForOtherSizes) {
  constexpr int64_t kHeight = 3, kWidth = 5, kChannels = 12;
  constexpr double kTemperature = 7;
  const at::Tensor encoding =
      PixelPositionEncoding(at::zeros({1, kHeight, kWidth}, at::kBool), kChannels, {kTemperature, kTemperature});
  ASSERT_EQ(encoding.sizes(), (at::IntArrayRef{1, kHeight * kWidth, kChannels}));
  for (int64_t row = 0; row < kHeight; ++row) {
    for (int64_t column = 0; column < kWidth; ++column) {
      for (int64_t channel = 0; channel < kChannels; ++channel) {
        const double share = channel < kChannels / 2 ? (row + 1) / (kHeight + 1e-6) : (column + 1) / (kWidth + 1e-6);
        const int64_t within = channel % (kChannels / 2);
        const double wavelength = std::pow(kTemperature, 2.0 * (within / 2) / (kChannels / 2));
        const double angle = 6.283185307179586 * share / wavelength;
        EXPECT_NEAR(encoding[0][row * kWidth + column][channel].item<float>(),
                    within % 2 == 0 ? std::sin(angle) : std::cos(angle), 2e-6)
            << row << " " << column << " " << channel;
      }
    }
  }
}

TEST(PixelPositionEncoding, EachAxisHasItsTemperature) {
  const at::Tensor mask = at::zeros({1, 3, 5}, at::kBool);
  const at::Tensor both = PixelPositionEncoding(mask, 16, {7, 30});
  // y is the first half of the channels
  EXPECT_TRUE(both.narrow(2, 0, 8).equal(PixelPositionEncoding(mask, 16, {7, 7}).narrow(2, 0, 8)));
  EXPECT_TRUE(both.narrow(2, 8, 8).equal(PixelPositionEncoding(mask, 16, {30, 30}).narrow(2, 8, 8)));
}

TEST(PixelPositionEncoding, IsFiniteWhereAllIsPadding) {
  const at::Tensor encoding = PixelPositionEncoding(at::full({1, 2, 2}, true, at::kBool), 8, {20, 20});
  EXPECT_TRUE(encoding.isfinite().all().item<bool>());
}

TEST(PixelPositionEncoding, RefusesChannelsThatDoNotDivide) {
  EXPECT_THROW(PixelPositionEncoding(at::zeros({1, 2, 2}, at::kBool), 6, {20, 20}), base::CheckError);
}

TEST(PointPositionEncoding, EqualsTheOfficialOne) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_gen_sineembed");
  EXPECT_TRUE(
      testing::Near(PointPositionEncoding(fixture.Get("pos_tensor"), 256), fixture.Get("out"), fixture.Number("tol")));
}

TEST(PointPositionEncoding, FollowsTheFormulaForOtherSizes) {
  constexpr int64_t kChannels = 64;
  const at::Tensor points = testing::RecipeTensor("points", {2, 3, 2}, 1, 0.5, 0.5);
  const at::Tensor encoding = PointPositionEncoding(points, kChannels);
  ASSERT_EQ(encoding.sizes(), (at::IntArrayRef{2, 3, kChannels}));
  for (int64_t channel = 0; channel < kChannels; ++channel) {
    const int64_t within = channel % (kChannels / 2);
    const double coordinate = points[1][2][channel < kChannels / 2 ? 1 : 0].item<float>();
    const double angle = 6.283185307179586 * coordinate / std::pow(10000.0, 2.0 * (within / 2) / (kChannels / 2));
    EXPECT_NEAR(encoding[1][2][channel].item<float>(), within % 2 == 0 ? std::sin(angle) : std::cos(angle), 2e-6);
  }
}

}  // namespace
}  // namespace grouppose::nn
