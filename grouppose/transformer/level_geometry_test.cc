#include "grouppose/transformer/level_geometry.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;

LevelSizes SizesOf(const at::Tensor& spatial_shapes) {
  LevelSizes sizes;
  for (int64_t i = 0; i < spatial_shapes.size(0); ++i) {
    sizes.emplace_back(spatial_shapes[i][0].item<int64_t>(), spatial_shapes[i][1].item<int64_t>());
  }
  return sizes;
}

// [batch, size] -> one [batch, height, width] a level.
std::vector<at::Tensor> SplitMask(const at::Tensor& flat, const LevelSizes& sizes) {
  std::vector<at::Tensor> masks;
  int64_t start = 0;
  for (const auto& [height, width] : sizes) {
    masks.push_back(flat.narrow(1, start, height * width).view({-1, height, width}));
    start += height * width;
  }
  return masks;
}

TEST(EncoderProposals, EqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_encoder_output_proposals");
  const LevelSizes sizes = SizesOf(fixture.Get("spatial_shapes"));
  const Proposals proposals = EncoderProposals(sizes, SplitMask(fixture.Get("padding_mask"), sizes), at::kFloat);
  EXPECT_TRUE(proposals.invalid.equal(fixture.Get("output_memory_zero_rows")));
  const at::Tensor expected = fixture.Get("output_proposals");
  EXPECT_TRUE(proposals.logits.isinf().equal(expected.isinf()));
  EXPECT_TRUE(Near(proposals.logits.masked_fill(expected.isinf(), 0), expected.masked_fill(expected.isinf(), 0),
                   fixture.Number("tol")));
}

TEST(EncoderReferencePoints, EqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_reference_points");
  const LevelSizes sizes = SizesOf(fixture.Get("spatial_shapes"));
  const at::Tensor ratios = ValidRatios(SplitMask(fixture.Get("mask_flatten"), sizes));
  const double tolerance = fixture.Number("tol");
  EXPECT_TRUE(Near(ratios, fixture.Get("valid_ratios"), tolerance));
  EXPECT_TRUE(Near(EncoderReferencePoints(sizes, ratios, at::kFloat), fixture.Get("reference_points"), tolerance));
}

// No masks mean the same as masks that are false everywhere.
TEST(LevelGeometry, WithoutPaddingIsTheSpecialCase) {
  const LevelSizes sizes = {{5, 7}, {3, 4}, {1, 1}};
  std::vector<at::Tensor> masks;
  for (const auto& [height, width] : sizes) masks.push_back(at::zeros({2, height, width}, at::kBool));
  const LevelGeometry plain = MakeLevelGeometry(sizes, {}, 8, {20, 20}, at::kFloat);
  const LevelGeometry masked = MakeLevelGeometry(sizes, masks, 8, {20, 20}, at::kFloat);
  EXPECT_TRUE(plain.positions.expand_as(masked.positions).equal(masked.positions));
  EXPECT_TRUE(Near(plain.reference_points.expand_as(masked.reference_points).contiguous(), masked.reference_points, 0));
  EXPECT_TRUE(plain.proposals.logits.expand_as(masked.proposals.logits).equal(masked.proposals.logits));
  EXPECT_TRUE(plain.proposals.invalid.expand_as(masked.proposals.invalid).equal(masked.proposals.invalid));
  EXPECT_FALSE(plain.padding_mask.defined());
  EXPECT_FALSE(plain.valid_ratios.defined());
  EXPECT_EQ(plain.level_start_index[2].item<int64_t>(), 47);
  EXPECT_EQ(plain.level_of_token.sum().item<int64_t>(), 12 * 1 + 1 * 2);
}

TEST(EncoderProposals, AreTheCellCentres) {
  const Proposals proposals = EncoderProposals({{2, 4}}, {}, at::kFloat);
  ASSERT_EQ(proposals.logits.sizes(), (at::IntArrayRef{1, 8, 4}));
  // row 1, column 2: (2.5 / 4, 1.5 / 2)
  const at::Tensor token = proposals.logits[0][6].sigmoid();
  EXPECT_NEAR(token[0].item<float>(), 0.625, 1e-6);
  EXPECT_NEAR(token[1].item<float>(), 0.75, 1e-6);
  EXPECT_NEAR(token[2].item<float>(), 0.05, 1e-6);
  EXPECT_FALSE(proposals.invalid.any().item<bool>());
  // cells narrower than 0.02 put the outer centres below 0.01
  EXPECT_EQ(EncoderProposals({{1, 100}}, {}, at::kFloat).invalid.sum().item<int64_t>(), 2);
}

}  // namespace
}  // namespace grouppose
