#include "grouppose/data/make_batch.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/check.h"

namespace grouppose {
namespace {

Sample FlatSample(int64_t height, int64_t width, uint8_t level, int64_t image_id) {
  Sample sample;
  sample.image_id = image_id;
  sample.image = {height, width, std::vector<uint8_t>(height * width * 3, level)};
  sample.original_size = {2 * height, 2 * width};
  return sample;
}

Person TwoJoints() {
  Person person;
  person.keypoints = {2, 1, 2, 6, 3, 1};
  person.box = {2, 1, 4, 2};
  person.area = 6;
  return person;
}

TEST(MakeBatch, PadsRightAndBelow) {
  Sample orange = FlatSample(2, 3, 0, 10);
  for (size_t i = 0; i < orange.image.pixels.size(); i += 3) {
    orange.image.pixels[i] = 255;
    orange.image.pixels[i + 1] = 90;
  }
  const Batch batch = MakeBatch({orange, FlatSample(4, 1, 128, 11)}, 2);
  ASSERT_EQ(batch.images.sizes(), (std::vector<int64_t>{2, 3, 4, 3}));
  ASSERT_EQ(batch.padding_mask.sizes(), (std::vector<int64_t>{2, 4, 3}));
  const float* images = batch.images.data_ptr<float>();
  const bool* padding = batch.padding_mask.data_ptr<bool>();
  const std::vector<std::vector<float>> levels = {{255, 90, 0}, {128, 128, 128}};
  const std::vector<float> mean = {0.485f, 0.456f, 0.406f}, deviation = {0.229f, 0.224f, 0.225f};
  const std::vector<ImageSize> sizes = {{2, 3}, {4, 1}};
  for (int b = 0; b < 2; ++b) {
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 3; ++x) {
        const bool inside = y < sizes[b].height && x < sizes[b].width;
        EXPECT_EQ(padding[(b * 4 + y) * 3 + x], !inside);
        for (int c = 0; c < 3; ++c) {
          const float expected = inside ? (levels[b][c] / 255.0f - mean[c]) / deviation[c] : 0.0f;
          EXPECT_EQ(images[((b * 3 + c) * 4 + y) * 3 + x], expected);
        }
      }
    }
  }
  EXPECT_EQ(batch.image_ids, (std::vector<int64_t>{10, 11}));
  EXPECT_EQ(batch.original_sizes, (std::vector<ImageSize>{{4, 6}, {8, 2}}));
}

TEST(MakeBatch, NormalisesTargetsByTheImageWithoutPadding) {
  Sample small = FlatSample(4, 8, 0, 1);
  small.persons = {TwoJoints(), TwoJoints()};
  small.persons[1].keypoints = {0, 0, 0, 0, 0, 0};
  const Batch batch = MakeBatch({small, FlatSample(16, 16, 0, 2)}, 2);
  const ImageTargets& targets = batch.targets[0];
  ASSERT_EQ(targets.keypoints.sizes(), (std::vector<int64_t>{2, 6}));
  const float* keypoints = targets.keypoints.data_ptr<float>();
  // x y x y, then whether labelled: hidden joints are
  EXPECT_EQ(std::vector<float>(keypoints, keypoints + 6), (std::vector<float>{0.25f, 0.25f, 0.75f, 0.75f, 1, 1}));
  EXPECT_EQ(std::vector<float>(keypoints + 6, keypoints + 12), std::vector<float>(6, 0));
  const float* boxes = targets.boxes.data_ptr<float>();
  EXPECT_EQ(std::vector<float>(boxes, boxes + 4), (std::vector<float>{0.5f, 0.5f, 0.5f, 0.5f}));
  EXPECT_EQ(targets.area.data_ptr<float>()[0], 6.0f / 32);
  EXPECT_EQ(targets.labels.data_ptr<int64_t>()[1], 1);

  // nobody: tensors without rows
  EXPECT_EQ(batch.targets[1].keypoints.sizes(), (std::vector<int64_t>{0, 6}));
  EXPECT_EQ(batch.targets[1].boxes.sizes(), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(batch.targets[1].labels.numel(), 0);
  EXPECT_EQ(batch.targets[1].area.numel(), 0);
}

TEST(MakeBatch, RefusesWhatDoesNotFit) {
  EXPECT_THROW(MakeBatch({}, 2), base::CheckError);
  Sample sample = FlatSample(4, 8, 0, 1);
  sample.persons = {TwoJoints()};
  EXPECT_THROW(MakeBatch({sample}, 17), base::CheckError);
  sample.image.pixels.pop_back();
  EXPECT_THROW(MakeBatch({sample}, 2), base::CheckError);
}

}  // namespace
}  // namespace grouppose
