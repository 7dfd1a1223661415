#include "grouppose/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "base/check.h"

namespace grouppose {
namespace {

// Images of one flat colour, the level of their index; one person each, and none in image 0.
class FlatImages : public Dataset {
 public:
  explicit FlatImages(int64_t count) : count_(count) {}
  int64_t size() const override { return count_; }
  const eval::KeypointDataset& description() const override { return eval::Coco(); }
  const eval::Dataset& ground_truth() const override { return ground_truth_; }

  absl::StatusOr<Sample> Get(int64_t index) const override {
    if (index == fails_at_) return absl::NotFoundError("no such image");
    Sample sample;
    sample.image_id = 100 + index;
    // sizes differ, so batches are padded
    const int64_t height = 8 + index % 3, width = 9 + index % 5;
    sample.image = {height, width, std::vector<uint8_t>(height * width * 3, static_cast<uint8_t>(index))};
    sample.original_size = {height, width};
    if (index > 0) {
      Person person;
      for (int i = 0; i < 17; ++i) person.keypoints.insert(person.keypoints.end(), {1.0 * (i % 8), 2, 2});
      person.box = {1, 1, 5, 5};
      person.area = 12;
      sample.persons.push_back(person);
    }
    return sample;
  }

  int64_t fails_at_ = -1;

 private:
  int64_t count_;
  eval::Dataset ground_truth_;
};

LoaderOptions SmallOptions() {
  LoaderOptions options;
  options.batch_size = 4;
  options.seed = 3;
  options.transforms.scales = {8, 10, 12};
  options.transforms.crop_resize_scales = {10};
  options.transforms.min_crop = 6;
  options.transforms.max_crop = 9;
  options.transforms.evaluation_scale = 8;
  return options;
}

void ExpectSame(const Batch& a, const Batch& b) {
  EXPECT_TRUE(a.images.equal(b.images));
  EXPECT_TRUE(a.padding_mask.equal(b.padding_mask));
  EXPECT_EQ(a.image_ids, b.image_ids);
  ASSERT_EQ(a.targets.size(), b.targets.size());
  for (size_t i = 0; i < a.targets.size(); ++i) {
    EXPECT_TRUE(a.targets[i].keypoints.equal(b.targets[i].keypoints));
    EXPECT_TRUE(a.targets[i].boxes.equal(b.targets[i].boxes));
    EXPECT_TRUE(a.targets[i].area.equal(b.targets[i].area));
  }
}

TEST(EpochOrder, IsAPermutationOfItsOwn) {
  for (int64_t size : {0, 1, 2, 7, 100}) {
    std::vector<int64_t> sorted(size);
    std::iota(sorted.begin(), sorted.end(), 0);
    std::vector<int64_t> order = EpochOrder(size, 1, 0);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, sorted);
  }
  EXPECT_EQ(EpochOrder(100, 1, 5), EpochOrder(100, 1, 5));
  EXPECT_NE(EpochOrder(100, 1, 5), EpochOrder(100, 1, 6));
  EXPECT_NE(EpochOrder(100, 1, 5), EpochOrder(100, 2, 5));
}

// Each number is as likely in each place.
TEST(EpochOrder, IsFair) {
  constexpr int kSize = 5, kEpochs = 5000;
  std::vector<int> counts(kSize * kSize);
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<int64_t> order = EpochOrder(kSize, 9, epoch);
    for (int place = 0; place < kSize; ++place) ++counts[place * kSize + order[place]];
  }
  // six deviations of a binomial around 1000
  for (int count : counts) EXPECT_NEAR(count, kEpochs / kSize, 6 * 28.3);
}

TEST(TrainingLoader, ShowsEachImageOnceAnEpoch) {
  const FlatImages dataset(11);
  TrainingLoader loader(&dataset, SmallOptions());
  ASSERT_EQ(loader.steps_per_epoch(), 2);
  std::vector<std::vector<int64_t>> epochs;
  for (int64_t epoch = 0; epoch < 6; ++epoch) {
    std::vector<int64_t> ids;
    for (int64_t step = 0; step < 2; ++step) {
      const auto batch = loader.Get(2 * epoch + step);
      ASSERT_TRUE(batch.ok());
      EXPECT_EQ(batch->images.size(0), 4);
      ids.insert(ids.end(), batch->image_ids.begin(), batch->image_ids.end());
    }
    EXPECT_EQ(std::set<int64_t>(ids.begin(), ids.end()).size(), 8);
    epochs.push_back(ids);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  // the three that an epoch leaves out are not always the same
  std::set<int64_t> seen;
  for (const auto& ids : epochs) seen.insert(ids.begin(), ids.end());
  EXPECT_EQ(seen.size(), 11);
}

TEST(TrainingLoader, ReadingAheadChangesNothing) {
  const FlatImages dataset(23);
  LoaderOptions ahead = SmallOptions();
  ahead.prefetch = 3;
  TrainingLoader plain(&dataset, SmallOptions()), prefetching(&dataset, ahead);
  // forwards through three epochs, then a jump ahead, a jump back and a step twice
  std::vector<int64_t> steps(15);
  std::iota(steps.begin(), steps.end(), 0);
  for (int64_t step : {40, 41, 7, 8, 8, 9}) steps.push_back(step);
  for (int64_t step : steps) {
    const auto a = plain.Get(step), b = prefetching.Get(step);
    ASSERT_TRUE(a.ok() && b.ok());
    ExpectSame(*a, *b);
  }
}

TEST(TrainingLoader, AugmentsByStep) {
  const FlatImages dataset(4);
  TrainingLoader loader(&dataset, SmallOptions());
  // the same four images in every step, at other sizes
  std::set<std::vector<int64_t>> sizes;
  for (int64_t step = 0; step < 20; ++step) sizes.insert(loader.Get(step)->images.sizes().vec());
  EXPECT_GT(sizes.size(), 3);
}

TEST(TrainingLoader, HandsErrorsOn) {
  FlatImages dataset(4);
  dataset.fails_at_ = 2;
  for (int prefetch : {0, 2}) {
    LoaderOptions options = SmallOptions();
    options.prefetch = prefetch;
    TrainingLoader loader(&dataset, options);
    EXPECT_EQ(loader.Get(0).status().code(), absl::StatusCode::kNotFound);
  }
  LoaderOptions large = SmallOptions();
  large.batch_size = 5;
  EXPECT_THROW(TrainingLoader(&dataset, large), base::CheckError);
}

TEST(EvaluationLoader, ShowsAllImagesInOrder) {
  const FlatImages dataset(10);
  for (int prefetch : {0, 1, 5}) {
    LoaderOptions options = SmallOptions();
    options.prefetch = prefetch;
    EvaluationLoader loader(&dataset, options);
    ASSERT_EQ(loader.batches(), 3);
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < loader.batches(); ++i) {
      const auto batch = loader.Get(i);
      ASSERT_TRUE(batch.ok());
      ids.insert(ids.end(), batch->image_ids.begin(), batch->image_ids.end());
      EXPECT_EQ(batch->images.size(0), i < 2 ? 4 : 2);
    }
    std::vector<int64_t> expected(10);
    std::iota(expected.begin(), expected.end(), 100);
    EXPECT_EQ(ids, expected);
    EXPECT_THROW((void)loader.Get(3), base::CheckError);
  }
}

}  // namespace
}  // namespace grouppose
