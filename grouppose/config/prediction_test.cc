#include "grouppose/config/prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "eval/annotations.h"
#include "grouppose/config/small_run.h"
#include "grouppose/data/image_files.h"
#include "grouppose/data/synthesize.h"

namespace grouppose::config {
namespace {

using ::testing::HasSubstr;

class RunPredictionTest : public ::testing::Test {
 protected:
  // Three pictures as a COCO folder, and a checkpoint.
  static void SetUpTestSuite() {
    data_ = base::JoinPath(::testing::TempDir(), "coco");
    SynthesizeOptions pictures;
    pictures.train_images = 1;
    pictures.val_images = 3;
    pictures.output = data_;
    ASSERT_EQ(Synthesize(pictures), absl::OkStatus());
    const RunOptions training = OptionsFor("training");
    ASSERT_EQ(RunTraining(Small(), training), absl::OkStatus());
    checkpoint_ = base::JoinPath(training.output, "checkpoints/latest.safetensors");
  }

  static PredictionOptions Predict(const std::vector<std::string>& images) {
    PredictionOptions prediction;
    prediction.checkpoint = checkpoint_;
    prediction.images = images;
    return prediction;
  }

  static std::string Pictures() { return base::JoinPath(data_, "images/val2017"); }

  static std::string data_, checkpoint_;
};

std::string RunPredictionTest::data_, RunPredictionTest::checkpoint_;

TEST_F(RunPredictionTest, GivesWhatAnEvaluationGivesOnTheSamePictures) {
  RunOptions evaluation = OptionsFor("evaluation");
  evaluation.data_root = data_;
  ASSERT_EQ(RunEvaluation(Small({"data.source=COCO", "data.evaluation_split=val", "data.augmentation.scales=[64]"}),
                          checkpoint_, "val", evaluation),
            absl::OkStatus());
  const RunOptions options = OptionsFor("prediction");
  ASSERT_EQ(RunPrediction(Small(), Predict({Pictures()}), options), absl::OkStatus());
  EXPECT_EQ(Content(options, "results.json"), Content(evaluation, "results.json"));
}

TEST_F(RunPredictionTest, ListsThePicturesAndDrawsThosePosesThatReachTheThreshold) {
  const std::string picture = Pictures() + "/000000000002.png";
  PredictionOptions all = Predict({picture}), none = all;
  all.threshold = 0;
  none.threshold = 1;
  const RunOptions drawn = OptionsFor("drawn"), untouched = OptionsFor("untouched");
  ASSERT_EQ(RunPrediction(Small(), all, drawn), absl::OkStatus());
  ASSERT_EQ(RunPrediction(Small(), none, untouched), absl::OkStatus());
  EXPECT_EQ(Content(drawn, "results.json"), Content(untouched, "results.json"));

  const auto images = eval::ReadDataset(drawn.output + "/images.json");
  ASSERT_TRUE(images.ok()) << images.status();
  ASSERT_EQ(images->images.size(), 1u);
  EXPECT_EQ(images->images[0].file_name, picture);
  EXPECT_EQ(images->images[0].width, 64);

  const auto original = ReadImage(picture), with_poses = ReadImage(drawn.output + "/drawings/000000000002.png"),
             without = ReadImage(untouched.output + "/drawings/000000000002.png");
  ASSERT_TRUE(original.ok() && with_poses.ok() && without.ok());
  EXPECT_EQ(without->pixels, original->pixels);
  EXPECT_NE(with_poses->pixels, original->pixels);
}

TEST_F(RunPredictionTest, PicturesOfOneNameHaveDrawingsOfTheirOwn) {
  const std::string other = base::JoinPath(::testing::TempDir(), "other");
  ASSERT_TRUE(base::MakeDirectories(other).ok());
  const auto image = ReadImage(Pictures() + "/000000000001.png");
  ASSERT_TRUE(image.ok() && WritePng(other + "/000000000001.png", *image).ok());
  const RunOptions options = OptionsFor("same_name");
  ASSERT_EQ(RunPrediction(Small(), Predict({Pictures() + "/000000000001.png", other}), options), absl::OkStatus());
  EXPECT_TRUE(base::FileExists(options.output + "/drawings/000000000001.1.png"));
  EXPECT_TRUE(base::FileExists(options.output + "/drawings/000000000001.2.png"));
}

TEST_F(RunPredictionTest, ABrokenPictureIsNamedAndNothingIsWritten) {
  const std::string broken = base::JoinPath(::testing::TempDir(), "broken.jpg");
  ASSERT_TRUE(base::WriteFileAtomically(broken, "no picture").ok());
  const RunOptions options = OptionsFor("nothing");
  const absl::Status status = RunPrediction(Small(), Predict({Pictures(), broken}), options);
  EXPECT_THAT(std::string(status.message()), HasSubstr("broken.jpg: found 10 bytes that do not decode"));
  EXPECT_FALSE(base::FileExists(options.output + "/results.json"));
  RunOptions training = OptionsFor("training");
  EXPECT_THAT(std::string(RunPrediction(Small(), Predict({Pictures()}), training).message()),
              HasSubstr("is the folder of a training"));
}

}  // namespace
}  // namespace grouppose::config
