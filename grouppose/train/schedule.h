// How the learning rate changes over a run, in closed form: resuming needs nothing but the step and the epoch.
//
//   ScheduleOptions options;
//   options.drop_epoch = 50;
//   optimizer.Step(LearningRateFactor(options, step, epoch));
#ifndef GROUPPOSE_TRAIN_SCHEDULE_H_
#define GROUPPOSE_TRAIN_SCHEDULE_H_

#include <cstdint>

namespace grouppose::train {

struct ScheduleOptions {
  enum class Kind {
    kConstant,
    kStep,    // times drop_factor whenever drop_epoch further epochs have passed
    kCosine,  // half a cosine, from 1 at the end of the warm-up to 0 at the end of the run
  };
  Kind kind = Kind::kStep;
  int64_t drop_epoch = 50;   // kStep; > 0
  double drop_factor = 0.1;  // kStep
  int64_t total_steps = 0;   // kCosine: steps of the run; > 0
  int64_t warmup_steps = 0;  // every kind: step s < warmup_steps is further multiplied by (s + 1) / warmup_steps
};

// What all learning rates are multiplied with at this step, counted from 0 through the run, of this epoch, from 0.
// The cosine of Loshchilov & Hutter 2017, "SGDR", without restarts: (1 + cos(pi t)) / 2 with t = 0 at the first step
// after the warm-up and t = 1 one step after the last, so that no step is spent at a rate of 0.
double LearningRateFactor(const ScheduleOptions& options, int64_t step, int64_t epoch);

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_SCHEDULE_H_
