#include "grouppose/data/synthetic_dataset.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/check.h"
#include "grouppose/data/loader.h"

namespace grouppose {
namespace {

TEST(SyntheticDataset, HoldsTheDrawnSamples) {
  const SyntheticPeopleOptions options;
  const SyntheticDataset dataset(options, 5, 12);
  ASSERT_EQ(dataset.size(), 12);
  EXPECT_EQ(dataset.description().name, "coco");
  for (int64_t i : {0, 3, 11}) {
    const auto sample = dataset.Get(i);
    ASSERT_TRUE(sample.ok());
    EXPECT_EQ(sample->image.pixels, DrawSyntheticPeople(options, 5, i).image.pixels);
    EXPECT_EQ(sample->image_id, i + 1);
  }
  EXPECT_THROW((void)dataset.Get(12), base::CheckError);
  EXPECT_THROW((void)dataset.Get(-1), base::CheckError);
}

TEST(SyntheticDataset, GroundTruthSaysTheSame) {
  const SyntheticDataset dataset({}, 5, 12);
  const eval::Dataset& truth = dataset.ground_truth();
  ASSERT_EQ(truth.images.size(), 12);
  ASSERT_EQ(truth.categories.size(), 1);
  EXPECT_EQ(truth.categories[0].name, "person");
  EXPECT_EQ(truth.categories[0].keypoints.size(), 17);
  // COCO's file counts joints from 1
  EXPECT_EQ(truth.categories[0].skeleton[0], (std::pair<int64_t, int64_t>{16, 14}));
  size_t next = 0;
  std::set<int64_t> ids;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    EXPECT_EQ(truth.images[i].id, i + 1);
    EXPECT_EQ(truth.images[i].width, 64);
    EXPECT_EQ(truth.images[i].height, 64);
    const Sample sample = *dataset.Get(i);
    for (const Person& person : sample.persons) {
      ASSERT_LT(next, truth.annotations.size());
      const eval::Annotation& annotation = truth.annotations[next++];
      EXPECT_EQ(annotation.image_id, i + 1);
      EXPECT_EQ(annotation.category_id, truth.categories[0].id);
      EXPECT_EQ(annotation.keypoints, person.keypoints);
      EXPECT_EQ(annotation.bbox, person.box);
      EXPECT_EQ(annotation.area, person.area);
      EXPECT_EQ(annotation.num_keypoints, person.num_keypoints);
      EXPECT_FALSE(annotation.iscrowd);
      ids.insert(annotation.id);
    }
  }
  EXPECT_EQ(next, truth.annotations.size());
  // ids are distinct and none is 0, which an evaluator takes for "no match"
  EXPECT_EQ(ids.size(), next);
  EXPECT_EQ(ids.count(0), 0);
  EXPECT_EQ(truth.images[11].file_name, "000000000012.png");
}

// The sets of an experiment have seeds of their own.
TEST(SyntheticDataset, TrainingTuningAndTestImagesDiffer) {
  const SyntheticDataset training({}, 1, 400), tuning({}, 2, 100), test({}, 3, 100);
  std::set<std::vector<uint8_t>> pictures;
  for (const SyntheticDataset* dataset : {&training, &tuning, &test}) {
    for (int64_t i = 0; i < dataset->size(); ++i) pictures.insert(dataset->Get(i)->image.pixels);
  }
  EXPECT_EQ(pictures.size(), 600);
}

TEST(SyntheticDataset, LoadsUnresized) {
  const SyntheticDataset dataset({}, 1, 16);
  LoaderOptions options;
  options.batch_size = 8;
  options.transforms.scales.clear();
  options.transforms.crop_probability = 0;
  TrainingLoader loader(&dataset, options);
  const auto batch = loader.Get(3);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->images.sizes(), (std::vector<int64_t>{8, 3, 64, 64}));
  ASSERT_EQ(batch->targets.size(), 8);
  EXPECT_EQ(batch->targets[0].keypoints.size(1), 51);
}

}  // namespace
}  // namespace grouppose
