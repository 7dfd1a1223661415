#include "grouppose/benchmark/step_benchmark.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "grouppose/benchmark/flop_counter.h"
#include "grouppose/nn/module.h"

namespace grouppose {
namespace {

using ::testing::ElementsAre;

GroupPoseOptions Tiny() {
  GroupPoseOptions options;
  options.backbone = SmallResNetOptions{};
  options.transformer.hidden_dim = 32;
  options.transformer.num_heads = 4;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  options.transformer.feedforward_dim = 48;
  options.transformer.num_queries = 8;
  options.transformer.attention_scheme = "GROUP";
  return options;
}

StepBenchmarkOptions Short() {
  StepBenchmarkOptions options;
  options.height = 64;
  options.width = 96;
  options.batch = 2;
  options.iterations = 3;
  options.num_select = 5;
  return options;
}

std::vector<std::string> NamesOf(const StepBenchmark& result) {
  std::vector<std::string> names;
  for (const StageTimes& stage : result.stages) names.push_back(stage.name);
  return names;
}

int64_t FlopsOf(const StepBenchmark& result, const std::string& name) {
  for (const StageTimes& stage : result.stages) {
    if (stage.name == name) return stage.flops;
  }
  ADD_FAILURE() << "no stage " << name;
  return 0;
}

// A stage takes no longer than the iteration it is of.
void ExpectWholeTimes(const StepBenchmark& result, size_t iterations) {
  ASSERT_EQ(result.seconds.size(), iterations);
  for (size_t i = 0; i < iterations; ++i) {
    double sum = 0;
    for (const StageTimes& stage : result.stages) {
      ASSERT_EQ(stage.seconds.size(), iterations) << stage.name;
      sum += stage.seconds[i];
    }
    EXPECT_GT(sum, 0);
    EXPECT_LE(sum, result.seconds[i]);
  }
}

TEST(MeasureInferenceTest, ItsStagesAreTheWholeForwardPass) {
  GroupPose model(Tiny());
  nn::Initialise(model, 1);
  int64_t progress = 0;
  StepBenchmarkOptions options = Short();
  options.on_progress = [&](int64_t done) { progress = done; };
  const StepBenchmark result = MeasureInference(options, &model);
  EXPECT_THAT(NamesOf(result),
              ElementsAre("backbone", "projection", "encoder", "selection", "decoder", "heads", "postprocess"));
  ExpectWholeTimes(result, 3);
  EXPECT_EQ(progress, options.warmup + options.iterations);
  EXPECT_GT(result.peak_rss_bytes, 1 << 20);

  const at::NoGradGuard no_grad;
  const FlopCounter counter;
  model.Forward(at::zeros({2, 3, 64, 96}), {});
  EXPECT_EQ(result.flops(), counter.flops());
}

TEST(MeasureTrainingTest, HasLossBackwardAndUpdateToo) {
  GroupPose model(Tiny());
  nn::Initialise(model, 1);
  loss::CriterionOptions criterion;
  criterion.matcher.sigmas.assign(model.options().transformer.num_keypoints, 0.1);
  const auto result = MeasureTraining(Short(), criterion, {}, &model);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(NamesOf(*result), ElementsAre("backbone", "projection", "encoder", "selection", "decoder", "heads",
                                            "loss", "backward", "update"));
  ExpectWholeTimes(*result, 3);
  // gradients of inputs and of weights, less those of the image; attention computes its scores again
  const int64_t forward = result->flops() - FlopsOf(*result, "backward");
  EXPECT_GT(FlopsOf(*result, "backward"), 1.7 * static_cast<double>(forward));
  EXPECT_LT(FlopsOf(*result, "backward"), 2.3 * static_cast<double>(forward));
}

}  // namespace
}  // namespace grouppose
