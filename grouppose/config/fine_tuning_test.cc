// A data set of five keypoints, described by a file, from a checkpoint of seventeen: the whole way of a user.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "eval/annotations.h"
#include "experiments/experiment.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/config/options.h"
#include "grouppose/config/run.h"
#include "grouppose/config/run_parts.h"
#include "grouppose/data/synthesize.h"
#include "simdjson.h"

namespace grouppose::config {
namespace {

using experiments::Experiment;
using ::testing::HasSubstr;

// A model of few channels.
constexpr char kModel[] = R"(
  name: "five" description: "a test"
  data { augmentation { scales: 64 max_size: 64 crop_probability: 0 evaluation_scale: 64 evaluation_max_size: 64 } }
  model { backbone { kind: SMALL_RESNET stem_channels: 8 stage_channels: [8, 8, 16] blocks_per_stage: 1 norm_groups: 4 }
          hidden_dim: 32 num_heads: 2 feedforward_dim: 32 encoder_layers: 1 decoder_layers: 2 num_queries: 8 }
  training { batch_size: 4 steps: 2 optimizer { learning_rate: 1e-3 backbone_learning_rate: 1e-3 }
             schedule { kind: COSINE } evaluation_interval: 0 checkpoint_interval: 0 log_interval: 1 }
  evaluation { batch_size: 4 num_select: 8 }
)";

// Of COCO's seventeen: the nose, the shoulders and the hips.
constexpr int kChosen[] = {0, 5, 6, 11, 12};
constexpr char kFive[] = R"(
  name: "five"
  keypoints { name: "nose" sigma: 0.026 }
  keypoints { name: "left_shoulder" sigma: 0.079 }
  keypoints { name: "right_shoulder" sigma: 0.079 }
  keypoints { name: "left_hip" sigma: 0.107 }
  keypoints { name: "right_hip" sigma: 0.107 }
  flip_pairs { left: "left_shoulder" right: "right_shoulder" }
  flip_pairs { left: "left_hip" right: "right_hip" }
  skeleton { from: "left_shoulder" to: "right_shoulder" }
  skeleton { from: "left_hip" to: "right_hip" }
)";

// The three tensors whose shape has K in it, under all their names.
const std::vector<std::string>& NamesWithK() {
  static const auto& names = *new std::vector<std::string>{"transformer.enc_pose_embed.layers.3.bias",
                                                           "transformer.enc_pose_embed.layers.3.weight",
                                                           "transformer.keypoint_embedding.weight"};
  return names;
}

class FineTuning : public ::testing::Test {
 protected:
  // Draws people, keeps five of their keypoints, and trains the model of seventeen on all of them for two steps.
  static void SetUpTestSuite() {
    folder_ = new std::string(base::JoinPath(::testing::TempDir(), "fine_tuning"));
    SynthesizeOptions people;
    people.train_images = 8;
    people.val_images = 4;
    people.output = Path("coco");
    ASSERT_EQ(Synthesize(people), absl::OkStatus());
    std::filesystem::create_directories(Path("five/annotations"));
    std::filesystem::create_directory_symlink(Path("coco/images"), Path("five/images"));
    for (const std::string split : {"train", "val"}) {
      const std::string file = "/annotations/person_keypoints_" + split + "2017.json";
      auto dataset = eval::ReadDataset(Path("coco") + file);
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      for (eval::Annotation& annotation : dataset->annotations) Choose(&annotation);
      ASSERT_EQ(eval::WriteDataset(Path("five") + file, *dataset), absl::OkStatus());
    }
    Write("five.textproto", kFive);
    Write("coco_experiment.textproto", kModel);
    Write("five_experiment.textproto",
          "extends: \"coco_experiment.textproto\"\n"
          "data { description: \"five.textproto\" }\nmodel { num_body_points: 5 }");
    RunOptions options = OptionsFor("seventeen", "coco");
    ASSERT_EQ(RunTraining(Load("coco_experiment"), options), absl::OkStatus());
  }

  static std::string Path(const std::string& name) { return base::JoinPath(*folder_, name); }
  static void Write(const std::string& name, const std::string& text) {
    ASSERT_EQ(base::WriteFileAtomically(Path(name), text), absl::OkStatus());
  }
  static void Choose(eval::Annotation* annotation) {
    const std::vector<double> all = annotation->keypoints;
    annotation->keypoints.clear();
    annotation->num_keypoints = 0;
    for (const int k : kChosen) {
      annotation->keypoints.insert(annotation->keypoints.end(), &all[3 * k], &all[3 * k] + 3);
      annotation->num_keypoints += all[3 * k + 2] > 0;
    }
  }
  static Experiment Load(const std::string& name, const std::vector<std::string>& overrides = {}) {
    const auto experiment = experiments::LoadExperiment(Path(name + ".textproto"), overrides);
    EXPECT_TRUE(experiment.ok()) << experiment.status();
    return experiment.ok() ? *experiment : Experiment();
  }
  static RunOptions OptionsFor(const std::string& output, const std::string& data) {
    RunOptions options;
    options.output = Path(output);
    options.data_root = Path(data);
    options.seed = 7;
    options.deterministic = true;
    options.quiet = true;
    return options;
  }
  // Starts from the model of seventeen keypoints.
  static RunOptions FineTuningOptions(const std::string& output) {
    RunOptions options = OptionsFor(output, "five");
    options.init = Path("seventeen/checkpoints/step00000002.safetensors");
    options.init_ignore = {"keypoint_embedding", "enc_pose_embed.layers.3"};
    return options;
  }
  // The loss of every line of the log.
  static std::vector<double> Losses(const std::string& output) {
    std::vector<double> losses;
    const auto log = base::ReadFile(Path(output + "/log.jsonl"));
    EXPECT_TRUE(log.ok()) << log.status();
    simdjson::dom::parser parser;
    for (const absl::string_view line : absl::StrSplit(*log, '\n', absl::SkipEmpty())) {
      simdjson::dom::element record;
      double loss = 0;
      EXPECT_EQ(parser.parse(line.data(), line.size()).get(record), simdjson::SUCCESS);
      EXPECT_EQ(record["loss"].get(loss), simdjson::SUCCESS);
      losses.push_back(loss);
    }
    return losses;
  }

  static std::string* folder_;
};
std::string* FineTuning::folder_ = nullptr;

TEST_F(FineTuning, WhatDoesNotFitIsListed) {
  RunOptions options = FineTuningOptions("refused");
  options.init_ignore.clear();
  const std::string error(RunTraining(Load("five_experiment"), options).message());
  EXPECT_THAT(error, HasSubstr("3 not fitting: "));
  EXPECT_THAT(error, HasSubstr("transformer.keypoint_embedding.weight (found [17, 32] Float, expected [5, 32] Float)"));
  EXPECT_THAT(error,
              HasSubstr("transformer.enc_pose_embed.layers.3.weight (found [34, 64] Float, expected [10, 64] Float)"));
  EXPECT_THAT(error, HasSubstr("transformer.enc_pose_embed.layers.3.bias (found [34] Float, expected [10] Float)"));
  EXPECT_FALSE(base::FileExists(options.output)) << "refused before anything is written";
  options.init_ignore = {"keypoint_embedding", "enc_pose_embed.layers.3", "no_such_name"};
  EXPECT_EQ(RunTraining(Load("five_experiment"), options).message(),
            "--init_ignore=no_such_name: expected a part of the name of a parameter, found none with it");
}

TEST_F(FineTuning, WhatIsIgnoredIsListedAndAllElseIsLoaded) {
  const RunOptions options = FineTuningOptions("loaded");
  GroupPose model(ModelOptions(Load("five_experiment")));
  nn::Initialise(model, 7);
  std::vector<std::string> ignored = IgnoredNames(model, options.init_ignore);
  std::sort(ignored.begin(), ignored.end());
  EXPECT_EQ(ignored, NamesWithK());
  std::map<std::string, at::Tensor> before;
  for (const nn::NamedTensor& named : model.StateDict()) before[named.name] = named.tensor.clone();
  ASSERT_EQ(LoadInitial(Load("five_experiment"), options, &model), absl::OkStatus());
  const auto file = checkpoint::ReadSafetensors(options.init);
  ASSERT_TRUE(file.ok()) << file.status();
  for (const nn::NamedTensor& named : model.StateDict()) {
    const bool is_ignored = std::binary_search(ignored.begin(), ignored.end(), named.name);
    EXPECT_TRUE(named.tensor.equal(is_ignored ? before.at(named.name) : file->tensors.at(named.name))) << named.name;
  }
}

TEST_F(FineTuning, FiveKeypointsAreLearntAndEvaluated) {
  const Experiment experiment = Load("five_experiment", {"training.steps=40"});
  ASSERT_EQ(RunTraining(experiment, FineTuningOptions("five_run")), absl::OkStatus());
  const std::vector<double> losses = Losses("five_run");
  ASSERT_EQ(losses.size(), 40u);
  const auto mean = [&](size_t from) {
    return (losses[from] + losses[from + 1] + losses[from + 2] + losses[from + 3]) / 4;
  };
  EXPECT_LT(mean(36), 0.9 * mean(0));

  experiments::Metrics metrics;
  ASSERT_EQ(experiments::ReadTextproto(Path("five_run/metrics.textproto"), &metrics), absl::OkStatus());
  ASSERT_EQ(metrics.evaluations_size(), 1);
  EXPECT_EQ(metrics.evaluations(0).images(), 4);
  EXPECT_EQ(metrics.evaluations(0).values_size(), 10);
  const auto results = eval::ReadDetections(Path("five_run/results.json"), eval::ReadOptions{5});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->size(), 4 * 8);

  // the resolved experiment needs no other file, and finds the same again
  std::filesystem::create_directories(Path("elsewhere"));
  std::filesystem::copy_file(Path("five_run/experiment.textproto"), Path("elsewhere/alone.textproto"));
  const RunOptions evaluation = OptionsFor("evaluation", "five");
  ASSERT_EQ(
      RunEvaluation(Load("elsewhere/alone"), Path("five_run/checkpoints/step00000040.safetensors"), "", evaluation),
      absl::OkStatus());
  EXPECT_EQ(*base::ReadFile(Path("evaluation/results.json")), *base::ReadFile(Path("five_run/results.json")));
}

// Losses and assignment take the description's sigmas, the flip its pairs.
TEST_F(FineTuning, TheDescriptionReachesTheTraining) {
  const auto first_loss = [](const std::string& name, const std::vector<std::string>& overrides) {
    EXPECT_EQ(RunTraining(Load("five_experiment", overrides), FineTuningOptions(name)), absl::OkStatus());
    return Losses(name).front();
  };
  const double plain = first_loss("plain", {});
  std::string wide = kFive, unpaired = kFive;
  for (size_t at = wide.find("sigma: 0."); at != std::string::npos; at = wide.find("sigma: 0.", at))
    wide.replace(at, 9, "sigma: 1.");
  for (size_t at = unpaired.find("flip_pairs"); at != std::string::npos; at = unpaired.find("flip_pairs")) {
    unpaired.erase(at, unpaired.find('\n', at) - at);
  }
  Write("wide.textproto", wide);
  Write("unpaired.textproto", unpaired);
  EXPECT_LT(first_loss("wide_run", {"data.description=" + Path("wide.textproto")}), plain)
      << "the same distances are more alike where annotators disagree more";
  const double never = first_loss("never", {"data.augmentation.flip_probability=0"});
  const double always = first_loss("always", {"data.augmentation.flip_probability=1"});
  const std::string without = "data.description=" + Path("unpaired.textproto");
  EXPECT_EQ(first_loss("unpaired_never", {without, "data.augmentation.flip_probability=0"}), never);
  EXPECT_NE(first_loss("unpaired_always", {without, "data.augmentation.flip_probability=1"}), always);
}

}  // namespace
}  // namespace grouppose::config
