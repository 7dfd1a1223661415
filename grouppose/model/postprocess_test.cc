#include "grouppose/model/postprocess.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/check.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

// Two images, two instances, two classes, one joint.
PosePrediction Prediction() {
  const at::Tensor logits = at::tensor({0.0, 2.0, 1.0, -1.0, 3.0, -3.0, -2.0, 0.5}, at::kFloat).view({2, 2, 2});
  const at::Tensor keypoints =
      at::tensor({0.25, 0.5, 0.7, 0.75, 1.5, 0.6, 0.1, 0.2, 0.5, -0.5, 0.4, 0.8}, at::kFloat).view({2, 2, 3});
  return {logits, keypoints};
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(PostProcess, SortsScoresOfAllClassesAndScalesToPixels) {
  // heights 100 and 10, widths 200 and 20
  const at::Tensor sizes = at::tensor({100, 200, 10, 20}, at::kLong).view({2, 2});
  const std::vector<ImagePoses> poses = PostProcess(Prediction(), sizes, 3);
  ASSERT_EQ(poses.size(), 2u);

  // image 0: instance 0 as person (2), instance 1 as background (1), instance 0 as background (0)
  EXPECT_TRUE(poses[0].labels.equal(at::tensor({1, 0, 0}, at::kLong)));
  EXPECT_TRUE(
      testing::Near(poses[0].scores, at::tensor({Sigmoid(2), Sigmoid(1), 0.5}, at::kDouble).to(at::kFloat), 1e-6));
  const at::Tensor first = at::tensor({50.0, 50.0, 0.7, 150.0, 150.0, 0.6, 50.0, 50.0, 0.7}, at::kFloat).view({3, 3});
  EXPECT_TRUE(testing::Near(poses[0].keypoints, first, 1e-4));

  // image 1: instance 0 as background (3), instance 1 as person (0.5), instance 1 as background (-2); not clipped
  EXPECT_TRUE(poses[1].labels.equal(at::tensor({0, 1, 0}, at::kLong)));
  const at::Tensor second = at::tensor({2.0, 2.0, 0.5, -10.0, 4.0, 0.8, -10.0, 4.0, 0.8}, at::kFloat).view({3, 3});
  EXPECT_TRUE(testing::Near(poses[1].keypoints, second, 1e-4));
}

TEST(PostProcess, RefusesWhatDoesNotFit) {
  const at::Tensor sizes = at::tensor({1, 1, 1, 1}, at::kLong).view({2, 2});
  EXPECT_EQ(PostProcess(Prediction(), sizes, 4)[0].scores.size(0), 4);
  EXPECT_THROW(PostProcess(Prediction(), sizes, 5), base::CheckError);
  EXPECT_THROW(PostProcess(Prediction(), sizes.narrow(0, 0, 1), 1), base::CheckError);
}

}  // namespace
}  // namespace grouppose
