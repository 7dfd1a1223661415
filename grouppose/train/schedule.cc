#include "grouppose/train/schedule.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace grouppose::train {
namespace {

constexpr double kPi = 3.14159265358979323846;

double StepFactor(const ScheduleOptions& options, int64_t epoch) {
  GROUPPOSE_CHECK(options.drop_epoch > 0, "drop_epoch is ", options.drop_epoch);
  return std::pow(options.drop_factor, static_cast<double>(epoch / options.drop_epoch));
}

double CosineFactor(const ScheduleOptions& options, int64_t step) {
  GROUPPOSE_CHECK(options.total_steps > 0, "total_steps is ", options.total_steps);
  const int64_t falling = options.total_steps - options.warmup_steps;
  if (falling <= 0 || step < options.warmup_steps) return 1;  // all of the run is warm-up
  const double t = static_cast<double>(step - options.warmup_steps) / static_cast<double>(falling);
  return (1 + std::cos(kPi * std::min(t, 1.0))) / 2;
}

}  // namespace

double LearningRateFactor(const ScheduleOptions& options, int64_t step, int64_t epoch) {
  GROUPPOSE_CHECK(step >= 0 && epoch >= 0, "step ", step, ", epoch ", epoch);
  double factor = 1;
  switch (options.kind) {
    case ScheduleOptions::Kind::kConstant:
      break;
    case ScheduleOptions::Kind::kStep:
      factor = StepFactor(options, epoch);
      break;
    case ScheduleOptions::Kind::kCosine:
      factor = CosineFactor(options, step);
      break;
  }
  if (step < options.warmup_steps) factor *= static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  return factor;
}

}  // namespace grouppose::train
