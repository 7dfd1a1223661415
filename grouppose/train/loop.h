// The step loop that every phase of a training shares: batch -> loss -> gradients -> clipped update -> log line.
//
//   LoopOptions options;
//   options.phase = "training";
//   options.last_step = 1500;
//   RETURN_IF_ERROR(RunLoop(options, schedule, &optimizer, [&](int64_t step) { return LossOf(loader.Get(step)); },
//   hooks));
#ifndef GROUPPOSE_TRAIN_LOOP_H_
#define GROUPPOSE_TRAIN_LOOP_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grouppose/train/optimizer.h"
#include "grouppose/train/schedule.h"

namespace grouppose::train {

// What one step optimises, and what is worth watching.
struct StepLoss {
  at::Tensor total;                                    // [], differentiable
  std::vector<std::pair<std::string, double>> values;  // the same names at every step
};

// One log line: means over the steps since the last line.
struct LogRecord {
  std::string phase;
  int64_t step = 0;  // steps done
  int64_t epoch = 0;
  double learning_rate = 0;  // of the last step
  double loss = 0;
  double gradient_norm = 0;  // before clipping
  std::vector<std::pair<std::string, double>> values;
};

struct LoopOptions {
  std::string phase = "training";
  int64_t first_step = 0;  // steps already done
  int64_t last_step = 0;
  int64_t steps_per_epoch = 0;  // 0: epochs are not counted
  int64_t log_interval = 50;
  // Names the run: what torch draws in a step (dropout) depends on this, the phase and the step alone.
  uint64_t seed = 0;
  // Steps between the states that are saved; 0: none. A line of the log ends there too: a mean over steps on both sides
  // of a saved state could not be taken again by a run that goes on from it.
  int64_t state_interval = 0;
};

struct LoopHooks {
  std::function<absl::Status(const LogRecord&)> on_log;
  // After every step, with the number of steps done: evaluation, checkpoints.
  std::function<absl::Status(int64_t)> after_step;
  // After every step, with the steps done and a few words for a progress line.
  std::function<void(int64_t, const std::string&)> on_progress;
};

// Runs steps [first_step, last_step). A loss or a gradient that is not finite ends it with an Internal status that
// names the phase, the step and the part; the parameters are those of the step before.
absl::Status RunLoop(const LoopOptions& options, const ScheduleOptions& schedule, AdamW* optimizer,
                     const std::function<absl::StatusOr<StepLoss>(int64_t)>& loss_of_step, const LoopHooks& hooks);

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_LOOP_H_
