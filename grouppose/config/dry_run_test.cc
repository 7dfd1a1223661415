#include "grouppose/config/dry_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "experiments/experiment.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::config {
namespace {

using experiments::Experiment;
using ::testing::AllOf;
using ::testing::HasSubstr;

Experiment Named(const std::string& name, const std::vector<std::string>& overrides = {}) {
  const auto experiment = experiments::LoadExperiment(absl::StrCat("experiments/", name, ".textproto"), overrides);
  EXPECT_TRUE(experiment.ok()) << experiment.status();
  return *experiment;
}

RunOptions OptionsFor(const std::string& folder) {
  RunOptions options;
  options.output = base::JoinPath(::testing::TempDir(), folder);
  options.seed = 7;
  return options;
}

TEST(DescribeTraining, ThePublishedModelWithoutItsData) {
  RunOptions options = OptionsFor("published");
  options.data_root = "/nowhere";
  const auto text = DescribeTraining(Named("grouppose_r50_coco"), options);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr("train grouppose_r50_coco: "),
                           HasSubstr("train of COCO; not looked at: there is no "
                                     "/nowhere\n"),
                           HasSubstr("49318396, 49095996 of them trained"), HasSubstr("initial values of seed 7\n"),
                           HasSubstr("60 epochs in steps of 2 images\n"),
                           HasSubstr("1e-05, weight decay 0.0001: backbone"), HasSubstr("times 0.1 every 50 epochs\n"),
                           HasSubstr(" every epoch, and at the end\n"), HasSubstr("dry run: nothing was written\n")));
  EXPECT_FALSE(base::FileExists(options.output));
}

TEST(DescribeTraining, CountsStepsAndPretraining) {
  const auto text = DescribeTraining(Named("tiny"), OptionsFor("tiny"));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr("train of the synthetic people, 4000 images\n"),
                           HasSubstr("test of the synthetic people, 300 images\n"), HasSubstr("1500 of 8 images\n"),
                           HasSubstr("2000 steps of heatmaps, 1500 of stage one\n"),
                           HasSubstr("half a cosine to zero, after 50 steps of warm-up\n"),
                           HasSubstr("every 300 steps, and at the end\n")));
}

TEST(DescribeTraining, LooksAtDataThatIsThere) {
  SKIP_WITHOUT_TEST_DATA();
  RunOptions options = OptionsFor("looks");
  options.data_root = ::grouppose::testing::TestDataFolder() + "/data/crowdpose_mini";
  const std::vector<std::string> overrides = {"model.decoder_layers=1", "model.encoder_layers=1"};
  const auto text = DescribeTraining(Named("grouppose_r50_crowdpose", overrides), options);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr(", 16 images\n"), HasSubstr(", 12 images\n"),
                           HasSubstr("640 of 2 images (80 epochs)\n"), HasSubstr("of 14 keypoints\n")));
  // and finds its faults
  options.data_root = ::grouppose::testing::TestDataFolder() + "/data/coco_mini";
  EXPECT_THAT(std::string(DescribeTraining(Named("grouppose_r50_crowdpose", overrides), options).status().message()),
              HasSubstr("json/crowdpose_trainval.json: there is no such file"));
  options.data_root = ::grouppose::testing::TestDataFolder() + "/data/crowdpose_mini";
  std::vector<std::string> large = overrides;
  large.push_back("training.batch_size=17");
  EXPECT_THAT(std::string(DescribeTraining(Named("grouppose_r50_crowdpose", large), options).status().message()),
              HasSubstr("expected a smaller batch"));
}

TEST(DescribeTraining, NamesEveryGroupOfParameters) {
  const auto text = DescribeTraining(
      Named("tiny", {"training.optimizer.groups=BACKBONE_AND_OFFSETS", "training.weight_average.decay=0.9997"}),
      OptionsFor("groups"));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr("0.0001, weight decay 0.0001: sampling offsets, "),
                           HasSubstr("decay 0.9997, from epoch 0 on\n")));
}

TEST(DescribeTraining, RefusesWhatTrainingWouldRefuse) {
  // this test links GROUP alone
  EXPECT_THAT(
      std::string(
          DescribeTraining(Named("tiny", {"model.self_attention=FULL"}), OptionsFor("refused")).status().message()),
      HasSubstr("model.self_attention"));
  RunOptions options = OptionsFor("there");
  ASSERT_TRUE(base::MakeDirectories(options.output + "/checkpoints").ok());
  ASSERT_TRUE(base::WriteFileAtomically(options.output + "/checkpoints/latest.safetensors", "a training").ok());
  EXPECT_EQ(DescribeTraining(Named("tiny"), options).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DescribeEvaluation, SaysSplitWeightsAndComparison) {
  RunOptions options = OptionsFor("evaluation");
  const auto text = DescribeEvaluation(Named("grouppose_r50_coco"), "/nowhere/best.safetensors", "", options);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr("val of COCO; not looked at: no --data is given\n"),
                           HasSubstr("/nowhere/best.safetensors; not looked at: there is no such file\n"),
                           HasSubstr("GroupPose/ResNet-50/COCO val2017\n"), HasSubstr("results.json\n")));
  EXPECT_FALSE(base::FileExists(options.output));
  EXPECT_THAT(std::string(DescribeEvaluation(Named("tiny"), "/nowhere", "val", options).status().message()),
              HasSubstr("split 'val'"));
  // a file that is there is read
  const std::string broken = base::JoinPath(::testing::TempDir(), "broken.safetensors");
  ASSERT_TRUE(base::WriteFileAtomically(broken, "no weights").ok());
  EXPECT_FALSE(DescribeEvaluation(Named("tiny"), broken, "", options).ok());
}

}  // namespace
}  // namespace grouppose::config
