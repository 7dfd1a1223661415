// A run that takes a second, for tests of whole runs.
#ifndef GROUPPOSE_CONFIG_SMALL_RUN_H_
#define GROUPPOSE_CONFIG_SMALL_RUN_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "experiments/experiment.h"
#include "grouppose/config/run.h"

namespace grouppose::config {

// A run of a second: a model of few channels, six steps.
inline constexpr char kSmall[] = R"(
  name: "small" description: "six steps"
  data { source: SYNTHETIC evaluation_split: "test"
         synthetic { train_images: 12 tuning_images: 1 test_images: 4 } augmentation { crop_probability: 0 evaluation_scale: 0 } }
  model { backbone { kind: SMALL_RESNET stem_channels: 8 stage_channels: [8, 8, 16] blocks_per_stage: 1 norm_groups: 4 }
          hidden_dim: 32 num_heads: 2 feedforward_dim: 32 encoder_layers: 1 decoder_layers: 2 num_queries: 8 }
  pretraining { heatmap { steps: 2 batch_size: 4 } stage_one { steps: 2 batch_size: 4 num_queries: 8 } }
  training { batch_size: 4 steps: 6 optimizer { learning_rate: 1e-3 backbone_learning_rate: 1e-3 }
             schedule { kind: COSINE warmup_steps: 2 }
             evaluation_interval: 3 checkpoint_interval: 2 log_interval: 1 }
  evaluation { batch_size: 4 num_select: 8 }
)";

inline experiments::Experiment Small(const std::vector<std::string>& overrides = {}) {
  const auto experiment = experiments::ParseExperiment(kSmall, "small", overrides);
  EXPECT_TRUE(experiment.ok()) << experiment.status();
  return *experiment;
}

// One thread, seed 7, a folder of the test.
inline RunOptions OptionsFor(const std::string& folder) {
  RunOptions options;
  options.output = base::JoinPath(::testing::TempDir(), folder);
  options.seed = 7;
  options.deterministic = true;
  options.quiet = true;
  return options;
}

// A file that a run left.
inline std::string Content(const RunOptions& options, const std::string& file) {
  const auto content = base::ReadFile(base::JoinPath(options.output, file));
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *content : "";
}

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_SMALL_RUN_H_
