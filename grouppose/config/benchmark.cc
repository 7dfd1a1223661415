#include "grouppose/config/benchmark.h"

#include <cstdint>

#include "base/progress.h"
#include "base/status.h"
#include "eval/dataset_description.h"
#include "grouppose/config/options.h"
#include "grouppose/config/run_parts.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/nn/module.h"

namespace grouppose::config {

absl::StatusOr<StepBenchmark> RunBenchmark(const experiments::Experiment& experiment, BenchmarkMode mode,
                                           StepBenchmarkOptions benchmark, const std::string& checkpoint,
                                           const RunOptions& options) {
  SetThreads(options);
  const GroupPoseOptions model_options = ModelOptions(experiment);
  RETURN_IF_ERROR(CheckScheme(model_options));
  GroupPose model(model_options);
  nn::Initialise(model, options.seed);
  if (!checkpoint.empty()) RETURN_IF_ERROR(LoadCheckpoint(checkpoint, experiment, options, &model));
  benchmark.num_select = experiment.evaluation().num_select();
  base::Progress progress("measuring", benchmark.warmup + benchmark.iterations, ProgressOf(options));
  benchmark.on_progress = [&](int64_t done) { progress.Update(done); };
  if (mode == BenchmarkMode::kInference) return MeasureInference(benchmark, &model);
  ASSIGN_OR_RETURN(const eval::KeypointDataset keypoints, eval::KeypointDatasetOf(experiment.data()));
  return MeasureTraining(benchmark, CriterionOf(experiment, keypoints), OptimizerOf(experiment.training().optimizer()),
                         &model);
}

}  // namespace grouppose::config
