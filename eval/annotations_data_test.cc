// Files as they were published: COCO's with polygons and run lengths, CrowdPose's without areas.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "eval/annotations.h"

namespace eval {
namespace {

struct Published {
  const char* path;
  int num_keypoints;
  // as their publisher counted them
  int images, annotations, with_keypoints, visible_keypoints, crowds;
};

class PublishedFile : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedFile, IsReadCompletely) {
  const char* data = std::getenv("GROUPPOSE_TEST_DATA");
  if (data == nullptr || *data == '\0') GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set";
  const Published& expected = GetParam();
  ReadOptions options;
  options.num_keypoints = expected.num_keypoints;
  const auto dataset = ReadDataset(base::JoinPath(data, expected.path), options);
  ASSERT_TRUE(dataset.ok()) << dataset.status();

  int with_keypoints = 0, visible_keypoints = 0, crowds = 0;
  for (const Annotation& annotation : dataset->annotations) {
    with_keypoints += annotation.num_keypoints > 0;
    crowds += annotation.iscrowd;
    for (size_t k = 2; k < annotation.keypoints.size(); k += 3) visible_keypoints += annotation.keypoints[k] > 0;
    EXPECT_EQ(annotation.area.has_value(), expected.num_keypoints == 17);
    EXPECT_GE(annotation.bbox[2], 0);
  }
  EXPECT_EQ(dataset->images.size(), expected.images);
  EXPECT_EQ(dataset->annotations.size(), expected.annotations);
  EXPECT_EQ(with_keypoints, expected.with_keypoints);
  EXPECT_EQ(visible_keypoints, expected.visible_keypoints);
  EXPECT_EQ(crowds, expected.crowds);
  for (const Image& image : dataset->images) {
    EXPECT_GT(image.width, 0);
    EXPECT_GT(image.height, 0);
    EXPECT_EQ(image.file_name.substr(image.file_name.size() - 4), ".jpg");
    EXPECT_EQ(image.crowd_index.has_value(), expected.num_keypoints == 14);
  }
  ASSERT_EQ(dataset->categories.size(), 1);
  EXPECT_EQ(dataset->categories[0].keypoints.size(), expected.num_keypoints);
}

INSTANTIATE_TEST_SUITE_P(
    All, PublishedFile,
    ::testing::Values(
        Published{"data/coco_mini/annotations/person_keypoints_train2017.json", 17, 107, 482, 273, 2825, 16},
        Published{"data/coco_mini/annotations/person_keypoints_val2017.json", 17, 168, 915, 507, 5363, 37},
        Published{"data/crowdpose_mini/json/crowdpose_train.json", 14, 11, 80, 47, 520, 2},
        Published{"data/crowdpose_mini/json/crowdpose_val.json", 14, 5, 19, 17, 139, 0},
        Published{"data/crowdpose_mini/json/crowdpose_test.json", 14, 12, 78, 52, 534, 1},
        Published{"data/crowdpose_mini/json/crowdpose_trainval.json", 14, 16, 99, 64, 659, 2}));

}  // namespace
}  // namespace eval
