#include "grouppose/config/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>

#include "base/files.h"
#include "eval/annotations.h"
#include "experiments/experiment.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"
#include "grouppose/checkpoint/pth_writer.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/config/small_run.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::config {
namespace {

using experiments::Experiment;
using ::testing::HasSubstr;

TEST(RunTrainingTest, LeavesItsFilesAndTheSameBytesTwice) {
  const RunOptions first = OptionsFor("first"), second = OptionsFor("second");
  ASSERT_EQ(RunTraining(Small(), first), absl::OkStatus());
  ASSERT_EQ(RunTraining(Small(), second), absl::OkStatus());
  for (const char* file :
       {"experiment.textproto", "provenance.textproto", "metrics.textproto", "log.jsonl", "results.json",
        "ground_truth.json", "checkpoints/latest.safetensors", "checkpoints/step00000006.safetensors"}) {
    EXPECT_EQ(Content(first, file), Content(second, file)) << file;
    EXPECT_NE(Content(first, file), "") << file;
  }
  experiments::Metrics metrics;
  ASSERT_EQ(experiments::ReadTextproto(first.output + "/metrics.textproto", &metrics), absl::OkStatus());
  EXPECT_EQ(metrics.training_steps(), 6);
  ASSERT_EQ(metrics.evaluations_size(), 2);
  EXPECT_EQ(metrics.evaluations(0).step(), 3);
  EXPECT_EQ(metrics.evaluations(1).images(), 4);
}

TEST(RunTrainingTest, WithDropoutTooTheBytesAreTheSameWholeOrInParts) {
  const Experiment experiment = Small({"model.dropout=0.25"});
  const RunOptions whole = OptionsFor("dropout_whole"), again = OptionsFor("dropout_again");
  RunOptions parts = OptionsFor("dropout_parts");
  ASSERT_EQ(RunTraining(experiment, whole), absl::OkStatus());
  ASSERT_EQ(RunTraining(experiment, again), absl::OkStatus());
  parts.stop_after = 3;
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  parts.stop_after = 0;
  parts.resume = "auto";
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  for (const char* file : {"log.jsonl", "metrics.textproto", "checkpoints/latest.safetensors"}) {
    EXPECT_EQ(Content(again, file), Content(whole, file)) << file;
    EXPECT_EQ(Content(parts, file), Content(whole, file)) << file;
  }
}

TEST(RunTrainingTest, SyntheticPeopleAreResizedAsTheExperimentSays) {
  const RunOptions drawn = OptionsFor("scale_drawn"), same = OptionsFor("scale_64"), smaller = OptionsFor("scale_32"),
                   evaluated = OptionsFor("evaluation_scale_32");
  ASSERT_EQ(RunTraining(Small(), drawn), absl::OkStatus());
  ASSERT_EQ(RunTraining(Small({"data.augmentation.scales=[64]"}), same), absl::OkStatus());
  ASSERT_EQ(RunTraining(Small({"data.augmentation.scales=[32]"}), smaller), absl::OkStatus());
  ASSERT_EQ(RunTraining(Small({"data.augmentation.evaluation_scale=32"}), evaluated), absl::OkStatus());
  // drawn at 64 pixels
  EXPECT_EQ(Content(same, "log.jsonl"), Content(drawn, "log.jsonl"));
  EXPECT_NE(Content(smaller, "log.jsonl"), Content(drawn, "log.jsonl"));
  EXPECT_EQ(Content(evaluated, "log.jsonl"), Content(drawn, "log.jsonl"));
  EXPECT_NE(Content(evaluated, "results.json"), Content(drawn, "results.json"));
}

TEST(RunTrainingTest, KeepsAnAverageBesideTheWeights) {
  // three steps an epoch: the average starts to lag in the second one
  const Experiment experiment = Small({"training.weight_average={ decay: 0.5 first_epoch: 1 }"});
  const RunOptions plain = OptionsFor("no_average"), whole = OptionsFor("average");
  ASSERT_EQ(RunTraining(Small(), plain), absl::OkStatus());
  ASSERT_EQ(RunTraining(experiment, whole), absl::OkStatus());
  EXPECT_EQ(Content(whole, "log.jsonl"), Content(plain, "log.jsonl")) << "training does not see the average";
  EXPECT_EQ(Content(whole, "results.json"), Content(plain, "results.json"));
  EXPECT_EQ(Content(whole, "checkpoints/step00000006.safetensors"),
            Content(plain, "checkpoints/step00000006.safetensors"));
  EXPECT_NE(Content(whole, "checkpoints/average.safetensors"), Content(whole, "checkpoints/step00000006.safetensors"));
  experiments::Metrics metrics;
  ASSERT_EQ(experiments::ReadTextproto(whole.output + "/metrics.textproto", &metrics), absl::OkStatus());
  ASSERT_EQ(metrics.evaluations_size(), 4);
  EXPECT_EQ(metrics.evaluations(0).weights(), "average");
  EXPECT_FALSE(metrics.evaluations(1).has_weights());
  EXPECT_EQ(metrics.evaluations(2).step(), 6);

  // stopped and resumed
  RunOptions parts = OptionsFor("average_parts");
  parts.stop_after = 4;
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  parts.stop_after = 0;
  parts.resume = "auto";
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  for (const char* file : {"metrics.textproto", "checkpoints/average.safetensors", "checkpoints/latest.safetensors"}) {
    EXPECT_EQ(Content(parts, file), Content(whole, file)) << file;
  }
  // either can be evaluated
  for (const char* file : {"average", "latest"}) {
    const RunOptions evaluation = OptionsFor(std::string("evaluate_") + file);
    ASSERT_EQ(RunEvaluation(Small(), whole.output + "/checkpoints/" + file + ".safetensors", "", evaluation),
              absl::OkStatus());
    EXPECT_EQ(Content(evaluation, "results.json") == Content(whole, "results.json"), file == std::string("latest"));
  }
}

// What an average is before it starts, and what it goes over.
TEST(RunTrainingTest, KeepsAnAverageAsTheOfficialProgramDoes) {
  const auto average = [](const std::string& folder, const std::string& steps, const std::string& settings) {
    const RunOptions options = OptionsFor(folder);
    EXPECT_EQ(RunTraining(Small({"training.steps=" + steps, "training.weight_average={ decay: 0.5 " + settings + " }"}),
                          options),
              absl::OkStatus());
    return Content(options, "checkpoints/average.safetensors");
  };
  // an average that never starts: of the weights, or of the beginning
  EXPECT_NE(average("copy_3", "3", "first_epoch: 9"), average("copy_6", "6", "first_epoch: 9"));
  EXPECT_EQ(average("initial_3", "3", "first_epoch: 9 before_first_epoch: INITIAL_VALUES"),
            average("initial_6", "6", "first_epoch: 9 before_first_epoch: INITIAL_VALUES"));
  // the heads have two names
  EXPECT_NE(average("trained", "6", "entries: TRAINED"), average("state_dict", "6", "entries: STATE_DICT"));

  const Experiment experiment = Small({"training.weight_average={ decay: 0.5 entries: STATE_DICT }"});
  RunOptions parts = OptionsFor("state_dict_parts");
  parts.stop_after = 4;
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  parts.stop_after = 0;
  parts.resume = "auto";
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  EXPECT_EQ(Content(parts, "checkpoints/average.safetensors"),
            Content(OptionsFor("state_dict"), "checkpoints/average.safetensors"))
      << "stopped and resumed";
}

TEST(RunTrainingTest, AnotherSeedIsAnotherRun) {
  const RunOptions first = OptionsFor("seed_7");
  RunOptions second = OptionsFor("seed_8");
  second.seed = 8;
  ASSERT_EQ(RunTraining(Small(), first), absl::OkStatus());
  ASSERT_EQ(RunTraining(Small(), second), absl::OkStatus());
  EXPECT_NE(Content(first, "log.jsonl"), Content(second, "log.jsonl"));
}

TEST(RunTrainingTest, AStoppedAndResumedRunEndsWithTheSameBytes) {
  const RunOptions whole = OptionsFor("whole");
  ASSERT_EQ(RunTraining(Small(), whole), absl::OkStatus());
  RunOptions parts = OptionsFor("parts");
  parts.stop_after = 4;
  ASSERT_EQ(RunTraining(Small(), parts), absl::OkStatus());
  EXPECT_NE(Content(parts, "log.jsonl"), Content(whole, "log.jsonl"));
  parts.stop_after = 0;
  parts.resume = "auto";
  ASSERT_EQ(RunTraining(Small(), parts), absl::OkStatus());
  EXPECT_EQ(Content(parts, "log.jsonl"), Content(whole, "log.jsonl"));
  EXPECT_EQ(Content(parts, "metrics.textproto"), Content(whole, "metrics.textproto"));
  EXPECT_EQ(Content(parts, "results.json"), Content(whole, "results.json"));
  EXPECT_EQ(Content(parts, "checkpoints/latest.safetensors"), Content(whole, "checkpoints/latest.safetensors"));
}

TEST(RunTrainingTest, AResumedRunRemembersWhatItStartedFrom) {
  RunOptions pretraining = OptionsFor("origin");
  pretraining.cell = true;
  ASSERT_EQ(RunPretraining(Small(), pretraining), absl::OkStatus());
  RunOptions whole = OptionsFor("whole_from_file"), parts = OptionsFor("parts_from_file");
  whole.init = parts.init = pretraining.output + "/checkpoint.safetensors";
  ASSERT_EQ(RunTraining(Small(), whole), absl::OkStatus());
  EXPECT_THAT(Content(whole, "provenance.textproto"), HasSubstr("initial_checkpoint_sha256"));
  parts.stop_after = 4;
  ASSERT_EQ(RunTraining(Small(), parts), absl::OkStatus());
  parts.stop_after = 0;
  parts.init = "";
  parts.resume = "auto";
  ASSERT_EQ(RunTraining(Small(), parts), absl::OkStatus());
  for (const char* file : {"provenance.textproto", "metrics.textproto", "checkpoints/latest.safetensors"}) {
    EXPECT_EQ(Content(parts, file), Content(whole, file)) << file;
  }
}

TEST(RunTrainingTest, AResumedRunLogsTheSameWhateverTheIntervals) {
  // a state after step 2, in the middle of the lines of steps 1 to 3 and 4 to 6
  const Experiment experiment = Small({"training.log_interval=3"});
  const RunOptions whole = OptionsFor("whole_intervals");
  ASSERT_EQ(RunTraining(experiment, whole), absl::OkStatus());
  RunOptions parts = OptionsFor("parts_intervals");
  parts.stop_after = 2;
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  parts.stop_after = 0;
  parts.resume = "auto";
  ASSERT_EQ(RunTraining(experiment, parts), absl::OkStatus());
  EXPECT_EQ(Content(parts, "log.jsonl"), Content(whole, "log.jsonl"));
  EXPECT_EQ(Content(parts, "metrics.textproto"), Content(whole, "metrics.textproto"));
}

TEST(RunTrainingTest, ResumingAFinishedRunChangesNothing) {
  RunOptions options = OptionsFor("finished");
  ASSERT_EQ(RunTraining(Small(), options), absl::OkStatus());
  const std::string metrics = Content(options, "metrics.textproto"), log = Content(options, "log.jsonl");
  options.resume = "auto";
  ASSERT_EQ(RunTraining(Small(), options), absl::OkStatus());
  EXPECT_EQ(Content(options, "metrics.textproto"), metrics);
  EXPECT_EQ(Content(options, "log.jsonl"), log);
}

TEST(RunTrainingTest, ARunKilledAfterItsPretrainingKeepsTheLogOfIt) {
  const RunOptions whole = OptionsFor("whole_log");
  ASSERT_EQ(RunTraining(Small(), whole), absl::OkStatus());
  // as if it had been killed before the first state was saved
  RunOptions killed = OptionsFor("killed");
  ASSERT_EQ(RunTraining(Small(), killed), absl::OkStatus());
  ASSERT_EQ(std::remove((killed.output + "/checkpoints/latest.safetensors").c_str()), 0);
  killed.resume = "auto";
  ASSERT_EQ(RunTraining(Small(), killed), absl::OkStatus());
  EXPECT_EQ(Content(killed, "log.jsonl"), Content(whole, "log.jsonl"));
  EXPECT_EQ(Content(killed, "metrics.textproto"), Content(whole, "metrics.textproto"));
}

TEST(RunTrainingTest, DoesNotOverwriteATraining) {
  const RunOptions options = OptionsFor("twice");
  ASSERT_EQ(RunTraining(Small(), options), absl::OkStatus());
  const std::string log = Content(options, "log.jsonl"), metrics = Content(options, "metrics.textproto");
  const absl::Status again = RunTraining(Small({"training.steps=4"}), options);
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(again.message()), HasSubstr("--resume=auto"));
  const absl::Status evaluation =
      RunEvaluation(Small(), options.output + "/checkpoints/latest.safetensors", "", options);
  EXPECT_EQ(evaluation.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(evaluation.message()), HasSubstr("another --output"));
  EXPECT_EQ(Content(options, "log.jsonl"), log);
  EXPECT_EQ(Content(options, "metrics.textproto"), metrics);
}

TEST(RunTrainingTest, ResumingAnotherExperimentIsRefused) {
  RunOptions options = OptionsFor("other");
  options.stop_after = 2;
  ASSERT_EQ(RunTraining(Small(), options), absl::OkStatus());
  options.resume = "auto";
  const std::string log = Content(options, "log.jsonl");
  const absl::Status status = RunTraining(Small({"training.optimizer.learning_rate=2e-3"}), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another experiment"));
  EXPECT_EQ(Content(options, "log.jsonl"), log) << "nothing that was there is lost";
}

TEST(RunTrainingTest, ALossThatIsNotFiniteEndsTheRunWithTheReason) {
  const absl::Status status = RunTraining(
      Small({"training.optimizer.learning_rate=1e30", "training.optimizer.backbone_learning_rate=1e30",
             "training.schedule.warmup_steps=0", "pretraining.heatmap.steps=0", "pretraining.stage_one.steps=0"}),
      OptionsFor("diverging"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("training, step "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not finite"));
}

TEST(RunTrainingTest, StartsFromAPretrainingAsFromItsOwn) {
  RunOptions pretraining = OptionsFor("pretraining");
  pretraining.cell = true;
  ASSERT_EQ(RunPretraining(Small(), pretraining), absl::OkStatus());
  RunOptions alone = OptionsFor("alone"), from_file = OptionsFor("from_file");
  from_file.init = pretraining.output + "/checkpoint.safetensors";
  ASSERT_EQ(RunTraining(Small(), alone), absl::OkStatus());
  ASSERT_EQ(RunTraining(Small(), from_file), absl::OkStatus());
  EXPECT_EQ(Content(alone, "metrics.textproto"), Content(from_file, "metrics.textproto"));
  EXPECT_EQ(Content(alone, "results.json"), Content(from_file, "results.json"));
}

// ImageNet's file: torchvision's names, a classifier, counters.
TEST(RunTrainingTest, StartsFromWeightsOfTheBackbone) {
  const std::vector<std::string> still = {"training.steps=1", "pretraining.heatmap.steps=0",
                                          "pretraining.stage_one.steps=0", "training.schedule.warmup_steps=0",
                                          "training.optimizer.backbone_learning_rate=0"};
  const RunOptions source = OptionsFor("backbone_source");
  ASSERT_EQ(RunTraining(Small(), source), absl::OkStatus());
  const auto trained = checkpoint::ReadSafetensors(source.output + "/checkpoints/step00000006.safetensors");
  ASSERT_TRUE(trained.ok()) << trained.status();
  std::map<std::string, at::Tensor> imagenet;
  const std::string prefix = "backbone.0.body.";
  for (const auto& [name, tensor] : trained->tensors) {
    if (name.rfind(prefix, 0) == 0) imagenet[name.substr(prefix.size())] = tensor;
  }
  ASSERT_GT(imagenet.size(), 5u);
  const at::Tensor another = imagenet.at("conv1.weight");
  imagenet["fc.weight"] = another;
  imagenet["bn1.num_batches_tracked"] = another;
  RunOptions options = OptionsFor("backbone_start");
  options.init_backbone = ::testing::TempDir() + "/imagenet.safetensors";
  ASSERT_TRUE(checkpoint::WriteSafetensors(options.init_backbone, imagenet, {}).ok());
  ASSERT_EQ(RunTraining(Small(still), options), absl::OkStatus());
  // weights of learning rate 0 stay
  const auto started = checkpoint::ReadSafetensors(options.output + "/checkpoints/step00000001.safetensors");
  ASSERT_TRUE(started.ok()) << started.status();
  for (const auto& [name, tensor] : trained->tensors) {
    if (name.rfind(prefix, 0) != 0) continue;
    EXPECT_TRUE(started->tensors.at(name).equal(tensor)) << name;
  }
  EXPECT_THAT(Content(options, "provenance.textproto"), HasSubstr("initial_checkpoint_sha256"));

  // nothing is passed over but the classifier
  options.output = ::testing::TempDir() + "/backbone_refused";
  imagenet["layer9.weight"] = another;
  imagenet.erase("conv1.weight");
  ASSERT_TRUE(checkpoint::WriteSafetensors(options.init_backbone, imagenet, {}).ok());
  const absl::Status refused = RunTraining(Small(still), options);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1 missing: body.conv1.weight"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1 unexpected: body.layer9.weight"));
  EXPECT_THAT(std::string(RunTraining(Small(), options).message()), HasSubstr("pretrains its backbone"));
  EXPECT_FALSE(base::FileExists(options.output));
}

// Weights in a file of torch.save are worth what the same are worth in ours.
TEST(RunEvaluationTest, ReadsFilesOfTorchSave) {
  const RunOptions training = OptionsFor("to_pth");
  ASSERT_EQ(RunTraining(Small(), training), absl::OkStatus());
  const std::string weights = training.output + "/checkpoints/step00000006.safetensors";
  const auto trained = checkpoint::ReadSafetensors(weights);
  ASSERT_TRUE(trained.ok()) << trained.status();
  std::map<std::string, at::Tensor> tensors = trained->tensors;
  const std::string pth = training.output + "/checkpoints/weights.pth";
  ASSERT_TRUE(checkpoint::WritePth(pth, tensors).ok());

  RunOptions first = OptionsFor("from_safetensors"), second = OptionsFor("from_pth");
  ASSERT_EQ(RunEvaluation(Small(), weights, "", first), absl::OkStatus());
  ASSERT_EQ(RunEvaluation(Small(), pth, "", second), absl::OkStatus());
  EXPECT_EQ(Content(first, "metrics.textproto"), Content(second, "metrics.textproto"));
  EXPECT_EQ(Content(first, "results.json"), Content(second, "results.json"));

  // another state dict is taken where it is asked for, and not where it is not there
  second.weights = "ema_model";
  EXPECT_THAT(std::string(RunEvaluation(Small(), pth, "", second).message()), HasSubstr("'ema_model'"));

  // strict, unless told otherwise
  const std::string partial = training.output + "/checkpoints/partial.pth";
  ASSERT_EQ(tensors.erase("class_embed.0.bias") + tensors.erase("transformer.decoder.class_embed.0.bias"), 2);
  ASSERT_TRUE(checkpoint::WritePth(partial, tensors).ok());
  RunOptions start = OptionsFor("partial");
  start.init = partial;
  const std::string refusal(RunTraining(Small(), start).message());
  EXPECT_THAT(refusal, HasSubstr(partial + ", 'model': 1 missing: "));
  EXPECT_THAT(refusal, HasSubstr("class_embed.0.bias"));
  start.init_lenient = true;
  EXPECT_EQ(RunTraining(Small(), start), absl::OkStatus());

  // a run goes on from its own states only
  start.resume = pth;
  EXPECT_THAT(std::string(RunTraining(Small(), start).message()), HasSubstr("--init starts from the weights"));
}

TEST(RunTrainingTest, RefusesWhatItCannotUseBeforeWritingAnything) {
  RunOptions options = OptionsFor("refused");
  options.init = "/nonexistent.safetensors";
  EXPECT_EQ(RunTraining(Small(), options).code(), absl::StatusCode::kNotFound);
  options.init = "";
  const absl::Status status = RunTraining(Small({"model.self_attention=FULL"}), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("GROUP")) << "this test links GROUP alone";
  EXPECT_FALSE(base::FileExists(options.output));
}

// 14 keypoints, from the annotations to the numbers that CrowdPose's own tool prints.
TEST(RunTrainingTest, TrainsAndEvaluatesOnCrowdPose) {
  SKIP_WITHOUT_TEST_DATA();
  const Experiment experiment =
      Small({"data.source=CROWDPOSE", "data.augmentation.scales=[64]", "data.augmentation.max_size=96",
             "data.augmentation.evaluation_scale=64", "data.augmentation.evaluation_max_size=96",
             "model.num_body_points=14", "training.steps=3", "pretraining.stage_one.steps=0"});
  RunOptions options = OptionsFor("crowdpose");
  options.data_root = ::grouppose::testing::TestDataFolder() + "/data/crowdpose_mini";
  ASSERT_EQ(RunTraining(experiment, options), absl::OkStatus());
  experiments::Metrics metrics;
  ASSERT_EQ(experiments::ReadTextproto(options.output + "/metrics.textproto", &metrics), absl::OkStatus());
  ASSERT_EQ(metrics.evaluations_size(), 1);
  EXPECT_EQ(metrics.evaluations(0).split(), "test");
  EXPECT_EQ(metrics.evaluations(0).images(), 12);
  ASSERT_EQ(metrics.evaluations(0).values_size(), 11);
  std::vector<std::string> names;
  for (const auto& value : metrics.evaluations(0).values()) names.push_back(value.name());
  EXPECT_THAT(names, ::testing::IsSupersetOf({"AP", "AP50", "AP75"}));
  EXPECT_GT(metrics.final_loss(), 0);
  EXPECT_FALSE(base::FileExists(options.output + "/ground_truth.json")) << "the user has the file";
  const auto results = eval::ReadDetections(options.output + "/results.json", eval::ReadOptions{14});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->size(), 12 * 8);
}

TEST(RunEvaluationTest, FindsAgainWhatTrainingFound) {
  const RunOptions training = OptionsFor("training");
  ASSERT_EQ(RunTraining(Small(), training), absl::OkStatus());
  const RunOptions evaluation = OptionsFor("evaluation");
  ASSERT_EQ(RunEvaluation(Small(), training.output + "/checkpoints/step00000006.safetensors", "", evaluation),
            absl::OkStatus());
  EXPECT_EQ(Content(evaluation, "results.json"), Content(training, "results.json"));
  EXPECT_FALSE(base::FileExists(evaluation.output + "/log.jsonl")) << "nothing was trained";
  EXPECT_FALSE(base::FileExists(evaluation.output + "/checkpoints"));
}

}  // namespace
}  // namespace grouppose::config
