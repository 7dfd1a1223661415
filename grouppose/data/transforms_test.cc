#include "grouppose/data/transforms.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/make_batch.h"
#include "grouppose/data/resize.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

Sample RandomSample(int64_t height, int64_t width, int persons, uint64_t seed) {
  base::RandomStream random("transforms_test", {seed});
  Sample sample;
  sample.image_id = 7;
  sample.image = {height, width, std::vector<uint8_t>(height * width * 3)};
  sample.original_size = {height, width};
  for (uint8_t& byte : sample.image.pixels) byte = static_cast<uint8_t>(random.NextBelow(256));
  for (int i = 0; i < persons; ++i) {
    Person person;
    for (int j = 0; j < 17; ++j) {
      person.keypoints.push_back(random.NextUniform(0, static_cast<double>(width - 1)));
      person.keypoints.push_back(random.NextUniform(0, static_cast<double>(height - 1)));
      person.keypoints.push_back(static_cast<double>(random.NextBelow(3)));
    }
    person.box = {0.25 * static_cast<double>(width), 0.25 * static_cast<double>(height),
                  0.5 * static_cast<double>(width), 0.5 * static_cast<double>(height)};
    person.area = 100;
    sample.persons.push_back(person);
  }
  return sample;
}

TEST(Flip, PairsImageAndJoints) {
  Sample sample = RandomSample(5, 8, 1, 1);
  // one pixel marks the left wrist
  Person& person = sample.persons[0];
  person.keypoints[3 * 9] = 2;
  person.keypoints[3 * 9 + 1] = 3;
  person.keypoints[3 * 9 + 2] = 1;
  person.box = {1, 0, 4, 5};
  uint8_t* pixel = &sample.image.pixels[(3 * 8 + 2) * 3];
  pixel[0] = 1, pixel[1] = 2, pixel[2] = 3;

  Flip(eval::Coco(), &sample);

  // it is the right wrist now, and still where the mark is
  const Person& flipped = sample.persons[0];
  EXPECT_EQ(flipped.keypoints[3 * 10], 5);
  EXPECT_EQ(flipped.keypoints[3 * 10 + 1], 3);
  EXPECT_EQ(flipped.keypoints[3 * 10 + 2], 1);
  const uint8_t* moved = &sample.image.pixels[(3 * 8 + 5) * 3];
  EXPECT_EQ(std::vector<int>(moved, moved + 3), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(flipped.box, (std::array<double, 4>{3, 0, 4, 5}));
}

TEST(Flip, TwiceIsNothing) {
  for (int64_t width : {1, 2, 7, 8}) {
    const Sample before = RandomSample(3, width, 2, 2);
    Sample sample = before;
    Flip(eval::Coco(), &sample);
    Flip(eval::Coco(), &sample);
    EXPECT_EQ(sample.image.pixels, before.image.pixels);
    for (size_t p = 0; p < before.persons.size(); ++p) {
      for (size_t i = 0; i < before.persons[p].keypoints.size(); ++i) {
        EXPECT_NEAR(sample.persons[p].keypoints[i], before.persons[p].keypoints[i], 1e-12);
      }
    }
  }
}

TEST(Crop, DropsWhoIsOutsideAndKeepsTheRestInside) {
  Sample sample = RandomSample(40, 60, 3, 3);
  sample.persons[0].box = {0, 0, 10, 40};    // ends where the region begins
  sample.persons[1].box = {5, 5, 10, 10};    // reaches into it
  sample.persons[2].box = {20, 20, 10, 10};  // lies inside
  Crop({10, 10, 25, 30}, &sample);
  EXPECT_EQ(sample.image.height, 25);
  EXPECT_EQ(sample.image.width, 30);
  ASSERT_EQ(sample.persons.size(), 2);
  EXPECT_EQ(sample.persons[0].box, (std::array<double, 4>{0, 0, 5, 5}));
  EXPECT_EQ(sample.persons[0].area, 25);
  EXPECT_EQ(sample.persons[1].box, (std::array<double, 4>{10, 10, 10, 10}));
  EXPECT_EQ(sample.persons[1].area, 100);
  for (const Person& person : sample.persons) {
    for (size_t i = 0; i < person.keypoints.size(); i += 3) {
      EXPECT_GE(person.keypoints[i], 0);
      EXPECT_LE(person.keypoints[i], 30);
      EXPECT_GE(person.keypoints[i + 1], 0);
      EXPECT_LE(person.keypoints[i + 1], 25);
    }
  }
  EXPECT_THROW(Crop({0, 1, 25, 30}, &sample), base::CheckError);
}

TransformOptions SmallOptions() {
  TransformOptions options;
  options.scales = {32, 40, 48};
  options.max_size = 70;
  options.crop_resize_scales = {30, 36};
  options.min_crop = 20;
  options.max_crop = 30;
  return options;
}

TEST(TransformForTraining, DependsOnItsAddressAlone) {
  const TransformOptions options = SmallOptions();
  const auto run = [&](const SampleAddress& address) {
    Sample sample = RandomSample(50, 66, 2, 4);
    TransformForTraining(options, eval::Coco(), address, &sample);
    return sample;
  };
  const Sample first = run({1, 2, 3});
  EXPECT_EQ(first.image.pixels, run({1, 2, 3}).image.pixels);
  // another seed, step or sample decides otherwise, sooner or later
  std::set<std::vector<uint8_t>> pictures;
  for (uint64_t i = 0; i < 20; ++i) {
    for (const SampleAddress& address : {SampleAddress{i, 2, 3}, SampleAddress{1, i, 3}, SampleAddress{1, 2, i}}) {
      pictures.insert(run(address).image.pixels);
    }
  }
  EXPECT_GT(pictures.size(), 30);
}

TEST(TransformForTraining, TakesEveryChoice) {
  const TransformOptions options = SmallOptions();
  std::set<int64_t> short_sides;
  int flipped = 0;
  constexpr int kRuns = 400;
  for (uint64_t step = 0; step < kRuns; ++step) {
    Sample sample = RandomSample(50, 66, 1, 5);
    sample.persons[0].keypoints[0] = 10;  // the nose
    TransformForTraining(options, eval::Coco(), {0, step, 0}, &sample);
    const int64_t shorter = std::min(sample.image.height, sample.image.width);
    short_sides.insert(shorter);
    EXPECT_LE(std::max(sample.image.height, sample.image.width), options.max_size + 1);
    EXPECT_EQ(sample.original_size, (ImageSize{50, 66}));
    if (!sample.persons.empty()) flipped += sample.persons[0].keypoints[0] > 0.6 * sample.image.width;
  }
  for (int64_t scale : options.scales) EXPECT_EQ(short_sides.count(scale), 1) << scale;
  // a fair coin: ten deviations around a half
  EXPECT_GT(flipped, kRuns / 4);
  EXPECT_LT(flipped, 3 * kRuns / 4);
}

TEST(TransformForTraining, LeavesTheSizeWithoutScales) {
  TransformOptions options;
  options.scales.clear();
  options.crop_probability = 0;
  for (uint64_t step = 0; step < 10; ++step) {
    Sample sample = RandomSample(50, 66, 1, 6);
    TransformForTraining(options, eval::Coco(), {0, step, 0}, &sample);
    EXPECT_EQ(sample.image.height, 50);
    EXPECT_EQ(sample.image.width, 66);
  }
}

// Crops of images smaller than min_crop take the whole side.
TEST(TransformForTraining, CropsSmallImages) {
  TransformOptions options = SmallOptions();
  options.crop_probability = 1;
  options.crop_resize_scales = {10};
  Sample sample = RandomSample(50, 66, 1, 7);
  TransformForTraining(options, eval::Coco(), {0, 0, 0}, &sample);
  EXPECT_EQ(std::min(sample.image.height, sample.image.width) > 0, true);
}

TEST(TransformForEvaluation, OnlyResizes) {
  TransformOptions options;
  options.evaluation_scale = 25;
  Sample sample = RandomSample(50, 66, 1, 8);
  const double x = sample.persons[0].keypoints[0];
  TransformForEvaluation(options, &sample);
  EXPECT_EQ(sample.image.height, 25);
  EXPECT_EQ(sample.image.width, 33);
  EXPECT_DOUBLE_EQ(sample.persons[0].keypoints[0], x / 2);
  EXPECT_EQ(sample.persons[0].area, 25);
  options.evaluation_scale = 0;
  TransformForEvaluation(options, &sample);
  EXPECT_EQ(sample.image.height, 25);
}

// ---- the official pipeline, step by step ----

const eval::KeypointDataset& DatasetOf(const std::string& fixture) {
  return fixture.find("crowdpose") == std::string::npos ? eval::Coco() : eval::CrowdPose();
}

Image ToImage(const at::Tensor& hwc) {
  const at::Tensor bytes = hwc.contiguous();
  const uint8_t* data = bytes.data_ptr<uint8_t>();
  return {bytes.size(0), bytes.size(1), std::vector<uint8_t>(data, data + bytes.numel())};
}

// The fixture's image and targets under `name`.
Sample ReadSample(const testing::Fixture& fixture, const std::string& name) {
  Sample sample;
  sample.image = ToImage(fixture.Get(name + ".image"));
  sample.original_size = {sample.image.height, sample.image.width};
  const at::Tensor boxes = fixture.Get(name + ".boxes"), keypoints = fixture.Get(name + ".keypoints");
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    Person person;
    const float* box = boxes.data_ptr<float>() + 4 * i;
    person.box = {box[0], box[1], static_cast<double>(box[2]) - box[0], static_cast<double>(box[3]) - box[1]};
    const float* values = keypoints.data_ptr<float>() + keypoints.stride(0) * i;
    person.keypoints.assign(values, values + keypoints.stride(0));
    // the official code leaves CrowdPose's area to the box
    person.area =
        fixture.Has(name + ".area") ? fixture.Get(name + ".area").data_ptr<float>()[i] : person.box[2] * person.box[3];
    sample.persons.push_back(person);
  }
  return sample;
}

// The official targets are float32 after several steps of float32: 1e-6 of a coordinate's range.
void ExpectClose(double actual, double expected, double range, const std::string& what) {
  EXPECT_NEAR(actual, expected, 1e-6 * std::max(range, std::abs(expected))) << what;
}

void ExpectEqual(const Sample& actual, const testing::Fixture& fixture, const std::string& name) {
  const Sample expected = ReadSample(fixture, name);
  EXPECT_EQ(actual.image.height, expected.image.height) << name;
  EXPECT_EQ(actual.image.width, expected.image.width) << name;
  EXPECT_EQ(actual.image.pixels, expected.image.pixels) << name;
  ASSERT_EQ(actual.persons.size(), expected.persons.size()) << name;
  const double side = static_cast<double>(std::max(actual.image.height, actual.image.width));
  for (size_t p = 0; p < expected.persons.size(); ++p) {
    const Person &a = actual.persons[p], &e = expected.persons[p];
    for (int i = 0; i < 4; ++i) ExpectClose(a.box[i], e.box[i], side, name + " box");
    ExpectClose(a.area, e.area, side * side, name + " area");
    ASSERT_EQ(a.keypoints.size(), e.keypoints.size());
    for (size_t i = 0; i < e.keypoints.size(); ++i) ExpectClose(a.keypoints[i], e.keypoints[i], side, name + " joint");
  }
}

// The normalised image and targets.
void ExpectNormalised(const Sample& sample, const eval::KeypointDataset& dataset, const testing::Fixture& fixture,
                      const std::string& name) {
  const Batch batch = MakeBatch({sample}, dataset.num_keypoints());
  if (fixture.Has(name + ".image")) {
    EXPECT_TRUE(testing::Near(batch.images[0], fixture.Get(name + ".image"), 0)) << name;
  }
  const ImageTargets& targets = batch.targets[0];
  EXPECT_TRUE(testing::Near(targets.boxes, fixture.Get(name + ".boxes"), 1e-6)) << name;
  EXPECT_TRUE(testing::Near(targets.keypoints, fixture.Get(name + ".keypoints"), 1e-6)) << name;
  EXPECT_TRUE(testing::Near(targets.area, fixture.Get(name + ".area"), 1e-6)) << name;
  EXPECT_TRUE(targets.labels.equal(fixture.Get(name + ".labels"))) << name;
}

class OfficialTransforms : public ::testing::TestWithParam<std::string> {};

TEST_P(OfficialTransforms, FlipResizeCropNormalise) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture(GetParam());
  const eval::KeypointDataset& dataset = DatasetOf(GetParam());
  Sample flipped = ReadSample(fixture, "start");
  Flip(dataset, &flipped);
  ExpectEqual(flipped, fixture, "hflip");

  // steps are [result, from, parameters]; a null maximum is none
  const std::vector<std::pair<int64_t, int64_t>> resizes = {{70, 0}, {150, 0}, {120, 150}, {64, 1333}};
  for (size_t i = 0; i < resizes.size(); ++i) {
    ASSERT_EQ(fixture.Number("steps/" + std::to_string(i + 1) + "/2"), resizes[i].first);
    Sample sample = flipped;
    Resize(SizeForShortSide({sample.image.height, sample.image.width}, resizes[i].first, resizes[i].second), &sample);
    ExpectEqual(sample, fixture, "resize" + std::to_string(i));
  }
  for (int i = 0; i < 5; ++i) {
    const std::vector<double> region = fixture.Numbers("steps/" + std::to_string(5 + 2 * i) + "/2");
    ASSERT_EQ(region.size(), 4);
    Sample sample = flipped;
    Crop({static_cast<int64_t>(region[0]), static_cast<int64_t>(region[1]), static_cast<int64_t>(region[2]),
          static_cast<int64_t>(region[3])},
         &sample);
    const std::string name = "crop" + std::to_string(i);
    ExpectEqual(sample, fixture, name);
    ExpectNormalised(sample, dataset, fixture, name + "_norm");
  }
}

TEST_P(OfficialTransforms, Chain) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture(GetParam());
  const eval::KeypointDataset& dataset = DatasetOf(GetParam());
  Sample sample = ReadSample(fixture, "start");
  Flip(dataset, &sample);
  Resize(SizeForShortSide({sample.image.height, sample.image.width}, 110, 0), &sample);
  Crop({5, 9, 96, 100}, &sample);
  Resize(SizeForShortSide({sample.image.height, sample.image.width}, 128, 200), &sample);
  ExpectNormalised(sample, dataset, fixture, "chain");
}

INSTANTIATE_TEST_SUITE_P(Fixtures, OfficialTransforms,
                         ::testing::Values("data_coco_785_train", "data_coco_196141_train",
                                           "data_crowdpose_103319_train"));

}  // namespace
}  // namespace grouppose
