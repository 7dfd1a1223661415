#include "eval/keypoint_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace eval {
namespace {

TEST(KeypointDataset, BuiltInDescriptionsAreValid) {
  EXPECT_TRUE(Validate(Coco()).ok()) << Validate(Coco());
  EXPECT_TRUE(Validate(CrowdPose()).ok()) << Validate(CrowdPose());
  EXPECT_EQ(Coco().num_keypoints(), 17);
  EXPECT_EQ(CrowdPose().num_keypoints(), 14);
}

TEST(KeypointDataset, SigmasHaveTheOfficialBits) {
  // as Python prints np.array([.26, ..., .79, ...]) / 10.0
  EXPECT_EQ(Coco().sigmas[0], 0.026000000000000002);
  EXPECT_EQ(Coco().sigmas[3], 0.034999999999999996);
  EXPECT_EQ(Coco().sigmas[11], 0.10700000000000001);
  EXPECT_EQ(CrowdPose().sigmas[13], 0.079);
}

// The name across the body: left_x <-> right_x.
std::string Mirrored(const std::string& name) {
  if (name.rfind("left_", 0) == 0) return "right_" + name.substr(5);
  if (name.rfind("right_", 0) == 0) return "left_" + name.substr(6);
  return name;
}

TEST(KeypointDataset, FlipPairsPairLeftWithRight) {
  for (const KeypointDataset* dataset : {&Coco(), &CrowdPose()}) {
    std::vector<int> partner(dataset->names.size());
    for (int k = 0; k < dataset->num_keypoints(); ++k) partner[k] = k;
    for (auto [a, b] : dataset->flip_pairs) {
      partner[a] = b;
      partner[b] = a;
    }
    for (int k = 0; k < dataset->num_keypoints(); ++k) {
      EXPECT_EQ(dataset->names[partner[k]], Mirrored(dataset->names[k])) << dataset->name;
      EXPECT_EQ(dataset->sigmas[partner[k]], dataset->sigmas[k]) << dataset->name;
    }
  }
}

TEST(KeypointDataset, SkeletonsAreSymmetric) {
  for (const KeypointDataset* dataset : {&Coco(), &CrowdPose()}) {
    std::vector<std::pair<std::string, std::string>> limbs, mirrored;
    for (auto [a, b] : dataset->skeleton) {
      std::string from = dataset->names[a], to = dataset->names[b];
      limbs.push_back(std::minmax(from, to));
      std::string mirrored_from = Mirrored(from), mirrored_to = Mirrored(to);
      mirrored.push_back(std::minmax(mirrored_from, mirrored_to));
    }
    std::sort(limbs.begin(), limbs.end());
    std::sort(mirrored.begin(), mirrored.end());
    EXPECT_EQ(limbs, mirrored) << dataset->name;
  }
}

TEST(KeypointDataset, ContradictionsAreRefused) {
  KeypointDataset dataset = Coco();
  dataset.sigmas.pop_back();
  EXPECT_EQ(Validate(dataset).message(), "data set 'coco': 16 sigmas, expected one for each of the 17 names");
  dataset = Coco();
  dataset.sigmas[3] = 0;
  EXPECT_EQ(Validate(dataset).message(), "data set 'coco': sigmas[3] is 0, expected a positive number");
  dataset = Coco();
  dataset.skeleton[2].second = 17;
  EXPECT_EQ(Validate(dataset).message(),
            "data set 'coco': skeleton[2] is (16, 17), expected two different keypoints below 17");
  dataset = Coco();
  dataset.flip_pairs.push_back({0, 16});
  EXPECT_EQ(Validate(dataset).message(), "data set 'coco': keypoint 16 is in two flip_pairs");
  dataset.names.clear();
  dataset.sigmas.clear();
  EXPECT_EQ(Validate(dataset).message(), "data set 'coco': no sigmas, expected one a keypoint");
}

}  // namespace
}  // namespace eval
