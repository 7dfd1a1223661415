#include "grouppose/train/evaluate.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/check.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/nn/module.h"

namespace grouppose::train {
namespace {

constexpr int64_t kSide = 48;

// Four images, two easy and then two hard ones, of one person each.
class FourImages : public Dataset {
 public:
  explicit FourImages(const eval::KeypointDataset& description) : description_(description) {
    ground_truth_.categories.push_back({1, "person", "person", {}, {}});
    for (int64_t id = 1; id <= 4; ++id) {
      ground_truth_.images.push_back({id, kSide, kSide, "", id <= 2 ? 0.1 : 0.9});
    }
  }

  // The persons are where the best detection of each image is.
  void PlacePersons(const std::vector<eval::Detection>& detections) {
    std::map<int64_t, const eval::Detection*> best;
    for (const eval::Detection& detection : detections) {
      const eval::Detection*& first = best[detection.image_id];
      if (detection.category_id == 1 && (first == nullptr || detection.score > first->score)) first = &detection;
    }
    for (const auto& [image_id, detection] : best) {
      GROUPPOSE_CHECK(detection != nullptr, "no person was detected in image ", image_id);
      eval::Annotation person;
      person.id = person.image_id = image_id;
      person.bbox = {4, 4, 40, 40};
      person.area = 1600;
      person.num_keypoints = description_.num_keypoints();
      person.keypoints = detection->keypoints;
      for (size_t i = 2; i < person.keypoints.size(); i += 3) person.keypoints[i] = 2;
      ground_truth_.annotations.push_back(person);
    }
  }

  int64_t size() const override { return 4; }
  absl::StatusOr<Sample> Get(int64_t index) const override {
    Sample sample;
    sample.image = {kSide, kSide, std::vector<uint8_t>(3 * kSide * kSide)};
    // every image has a pattern of its own
    for (size_t i = 0; i < sample.image.pixels.size(); ++i) sample.image.pixels[i] = (i * (2 * index + 3)) % 251;
    sample.image_id = index + 1;
    sample.original_size = {kSide, kSide};
    return sample;
  }
  const eval::KeypointDataset& description() const override { return description_; }
  const eval::Dataset& ground_truth() const override { return ground_truth_; }

 private:
  const eval::KeypointDataset& description_;
  eval::Dataset ground_truth_;
};

// Backbone and encoder; a decoder would not change what is tested.
GroupPoseOptions SmallModel(int num_keypoints) {
  GroupPoseOptions options;
  options.backbone = SmallResNetOptions{};
  options.transformer.hidden_dim = 32;
  options.transformer.num_heads = 2;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 0;
  options.transformer.feedforward_dim = 32;
  options.transformer.num_queries = 6;
  options.transformer.num_keypoints = num_keypoints;
  return options;
}

class EvaluateModelTest : public ::testing::Test {
 protected:
  // The AP of all, easy and hard images, or of all alone where the data set knows no difficulty.
  std::vector<double> Precisions(const eval::KeypointDataset& description, int64_t batch_size, bool of_last_batch) {
    GroupPose model(SmallModel(description.num_keypoints()));
    nn::Initialise(model, /*seed=*/5);
    EvaluateOptions options;
    options.loader.batch_size = batch_size;
    options.loader.transforms.evaluation_scale = 0;
    options.num_select = 6;
    options.difficulty_of_last_batch = of_last_batch;
    FourImages images(description);
    const auto detections = Predict(options, images, &model);
    GROUPPOSE_CHECK(detections.ok(), detections.status());
    images.PlacePersons(*detections);
    const auto evaluation = EvaluateModel(options, images, &model);
    GROUPPOSE_CHECK(evaluation.ok(), evaluation.status());
    EXPECT_EQ(evaluation->detections.size(), detections->size());
    const eval::Metrics& metrics = evaluation->metrics;
    if (description.summary_rule == eval::SummaryRule::kByArea) return metrics.stats;
    return {metrics.Stat("AP"), metrics.Stat("AP_easy"), metrics.Stat("AP_hard")};
  }
};

TEST_F(EvaluateModelTest, ScoresDifficultyOnAllImages) {
  const std::vector<double> precisions = Precisions(eval::CrowdPose(), 2, /*of_last_batch=*/false);
  for (const double precision : precisions) EXPECT_GT(precision, 0.7) << "every person is found";
  EXPECT_EQ(Precisions(eval::CrowdPose(), 3, /*of_last_batch=*/false), precisions);
}

TEST_F(EvaluateModelTest, ScoresDifficultyOnTheLastBatchAsTheOfficialProgramDoes) {
  const std::vector<double> precisions = Precisions(eval::CrowdPose(), 2, /*of_last_batch=*/false);
  // the last two images are the hard ones
  EXPECT_EQ(Precisions(eval::CrowdPose(), 2, /*of_last_batch=*/true),
            (std::vector<double>{precisions[0], 0, precisions[2]}));
  // one of the two hard images, so half of the recalls are reached
  const std::vector<double> batches_of_three = Precisions(eval::CrowdPose(), 3, /*of_last_batch=*/true);
  EXPECT_EQ(batches_of_three[0], precisions[0]);
  EXPECT_EQ(batches_of_three[1], 0);
  EXPECT_NEAR(batches_of_three[2], 51.0 / 101, 5e-5) << "rounded to four decimals";
  // one batch is all images
  EXPECT_EQ(Precisions(eval::CrowdPose(), 4, /*of_last_batch=*/true), precisions);
}

TEST_F(EvaluateModelTest, CocoHasNoDifficulty) {
  EXPECT_EQ(Precisions(eval::Coco(), 2, /*of_last_batch=*/true), Precisions(eval::Coco(), 2, /*of_last_batch=*/false));
}

}  // namespace
}  // namespace grouppose::train
