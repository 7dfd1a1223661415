// How long a step of a model takes, stage by stage: `grouppose benchmark`.
//
//   StepBenchmarkOptions options;
//   options.height = 800, options.width = 1066;
//   ASSIGN_OR_RETURN(const StepBenchmark result, MeasureInference(options, &model));
//
// Images are noise and persons are drawn at random, both from a seed: a step costs the same whatever it sees, but for
// the places where deformable attention reads, which depend on the weights too.
#ifndef GROUPPOSE_BENCHMARK_STEP_BENCHMARK_H_
#define GROUPPOSE_BENCHMARK_STEP_BENCHMARK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/loss/criterion.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/train/optimizer.h"

namespace grouppose {

struct StepBenchmarkOptions {
  int64_t height = 800, width = 1066;  // pixels; what COCO's 640 x 480 becomes in evaluation
  int64_t batch = 1;
  int64_t iterations = 10;
  int64_t warmup = 2;       // iterations that are not timed; the first of them counts operations
  int64_t persons = 4;      // of a training image
  int64_t num_select = 50;  // poses an image, inference
  // After every iteration, the warm-up included.
  std::function<void(int64_t)> on_progress;
};

struct StageTimes {
  std::string name;
  std::vector<double> seconds;  // wall time, an iteration each
  int64_t flops = 0;            // of one iteration, as FlopCounter counts
};

struct StepBenchmark {
  std::vector<StageTimes> stages;  // in the order in which they run
  std::vector<double> seconds;     // of whole iterations
  int64_t peak_rss_bytes = 0;      // of the process, from its start
  int threads = 0;                 // that an operator had

  int64_t flops() const;
};

// backbone, projection, encoder, selection, decoder, heads, postprocess; without gradients, dropout off.
StepBenchmark MeasureInference(const StepBenchmarkOptions& options, GroupPose* model);

// The same up to the heads, then loss, backward, update. Changes the model's weights. Internal where a loss or gradient
// is not finite.
absl::StatusOr<StepBenchmark> MeasureTraining(const StepBenchmarkOptions& options, const loss::CriterionOptions& loss,
                                              const train::AdamWOptions& optimizer, GroupPose* model);

}  // namespace grouppose

#endif  // GROUPPOSE_BENCHMARK_STEP_BENCHMARK_H_
