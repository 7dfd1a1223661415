#include "grouppose/train/heatmap.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

namespace grouppose::train {
namespace {

// One person with two joints: the first labelled, the second not.
ImageTargets OnePerson() {
  ImageTargets targets;
  targets.labels = at::full({1}, 1, at::kLong);
  targets.keypoints = at::tensor({0.375f, 0.625f, 0.9f, 0.9f, 2.f, 0.f}).view({1, 6});
  targets.boxes = at::tensor({0.5f, 0.5f, 0.2f, 0.2f}).view({1, 4});
  targets.area = at::full({1}, 0.02f);
  return targets;
}

TEST(HeatmapTargetsTest, PeaksWhereALabelledJointIs) {
  // on 4 x 4 cells, (0.375, 0.625) is the middle of column 1, row 2
  const at::Tensor maps = HeatmapTargets({OnePerson()}, 2, 4, 4);
  ASSERT_EQ(maps.sizes(), (std::vector<int64_t>{1, 3, 4, 4}));
  EXPECT_FLOAT_EQ(maps[0][0][2][1].item<float>(), 1.f);
  EXPECT_FLOAT_EQ(maps[0][0][2][2].item<float>(), std::exp(-0.5f));
  EXPECT_FLOAT_EQ(maps[0][0][1][2].item<float>(), std::exp(-1.f));
  EXPECT_EQ(maps[0][1].abs().sum().item<float>(), 0.f) << "v = 0 is not drawn";
  EXPECT_FLOAT_EQ(maps[0][2][1][1].item<float>(), std::exp(-0.25f)) << "the centre lies on the corner of four cells";
}

TEST(HeatmapTargetsTest, AnImageWithoutPersonsIsEmpty) {
  ImageTargets none;
  none.keypoints = at::empty({0, 6});
  none.boxes = at::empty({0, 4});
  EXPECT_EQ(HeatmapTargets({none}, 2, 3, 5).abs().sum().item<float>(), 0.f);
}

TEST(HeatmapLossTest, IsLogTwoForZeroLogitsAndNoPersons) {
  ImageTargets none;
  none.keypoints = at::empty({0, 6});
  none.boxes = at::empty({0, 4});
  const at::Tensor loss = HeatmapLoss({at::zeros({1, 3, 4, 4}), at::zeros({1, 3, 2, 2})}, {none}, 2, 4);
  EXPECT_NEAR(loss.item<double>(), 2 * std::log(2.0), 1e-6);
}

TEST(HeatmapLossTest, WeighsPeaksMore) {
  const Targets targets = {OnePerson()};
  const at::Tensor target = HeatmapTargets(targets, 2, 4, 4);
  const double expected = std::log(2.0) * (1 + 4 * target.mean().item<double>());
  EXPECT_NEAR(HeatmapLoss({at::zeros({1, 3, 4, 4})}, targets, 2, 4).item<double>(), expected, 1e-6);
}

}  // namespace
}  // namespace grouppose::train
