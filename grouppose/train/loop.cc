#include "grouppose/train/loop.h"

#include <ATen/Context.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/status.h"

namespace grouppose::train {
namespace {

// Sums over the steps between two log lines.
class Window {
 public:
  void Add(const StepLoss& loss, double total, double gradient_norm) {
    if (values_.empty()) values_ = std::vector<std::pair<std::string, double>>(loss.values.size());
    for (size_t i = 0; i < loss.values.size(); ++i) {
      values_[i].first = loss.values[i].first;
      values_[i].second += loss.values[i].second;
    }
    total_ += total;
    gradient_norm_ += gradient_norm;
    ++steps_;
  }
  // Fills the means and starts anew.
  void Flush(LogRecord* record) {
    record->loss = total_ / steps_;
    record->gradient_norm = gradient_norm_ / steps_;
    record->values = std::move(values_);
    for (auto& [name, value] : record->values) value /= steps_;
    *this = Window();
  }

 private:
  std::vector<std::pair<std::string, double>> values_;
  double total_ = 0, gradient_norm_ = 0;
  int64_t steps_ = 0;
};

// "nan", and the part of the loss that it comes from where one is not finite itself.
absl::Status NotFinite(const StepLoss& loss, double total) {
  std::string message = absl::StrCat("the loss is not finite: ", total);
  for (const auto& [name, value] : loss.values) {
    if (!std::isfinite(value)) return absl::InternalError(absl::StrCat(message, ", ", name, " is ", value));
  }
  return absl::InternalError(message);
}

bool EndsALine(const LoopOptions& options, int64_t done) {
  return done % options.log_interval == 0 || done == options.last_step ||
         (options.state_interval > 0 && done % options.state_interval == 0);
}

absl::Status AtStep(const LoopOptions& options, int64_t step, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(options.phase, ", step ", step + 1, " of ", options.last_step, ": ",
                                                  std::string(status.message())));
}

}  // namespace

absl::Status RunLoop(const LoopOptions& options, const ScheduleOptions& schedule, AdamW* optimizer,
                     const std::function<absl::StatusOr<StepLoss>(int64_t)>& loss_of_step, const LoopHooks& hooks) {
  Window window;
  for (int64_t step = options.first_step; step < options.last_step; ++step) {
    const int64_t epoch = options.steps_per_epoch > 0 ? step / options.steps_per_epoch : 0;
    // forward
    optimizer->ZeroGradients();
    at::manual_seed(base::RandomStream(options.phase, {options.seed}).Bits(step));
    absl::StatusOr<StepLoss> loss = loss_of_step(step);
    if (!loss.ok()) return AtStep(options, step, loss.status());
    const double total = loss->total.item<double>();
    if (!std::isfinite(total)) return AtStep(options, step, NotFinite(*loss, total));
    // backward and update
    loss->total.backward();
    const double factor = LearningRateFactor(schedule, step, epoch);
    const absl::StatusOr<double> norm = optimizer->Step(factor);
    if (!norm.ok()) return AtStep(options, step, norm.status());
    window.Add(*loss, total, *norm);
    // tell
    const int64_t done = step + 1;
    if (hooks.on_progress) hooks.on_progress(done, absl::StrFormat("loss %.4f", total));
    if (hooks.on_log && EndsALine(options, done)) {
      LogRecord record;
      record.phase = options.phase;
      record.step = done;
      record.epoch = epoch;
      record.learning_rate = factor * optimizer->groups().front().learning_rate;
      window.Flush(&record);
      RETURN_IF_ERROR(hooks.on_log(record));
    }
    if (hooks.after_step) RETURN_IF_ERROR(hooks.after_step(done));
  }
  return absl::OkStatus();
}

}  // namespace grouppose::train
