#include "grouppose/train/loop.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sum.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace grouppose::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A model of one number, started at 2, with the loss slope * value.
class LoopTest : public ::testing::Test {
 protected:
  LoopTest() : value_(at::full({1}, 2.0)) {
    value_.set_requires_grad(true);
    AdamWOptions options;
    options.learning_rate = 0.5;
    options.weight_decay = 0;
    options.clip_max_norm = 0;
    optimizer_ = std::make_unique<AdamW>(std::vector<nn::NamedTensor>{{"value", value_}}, options);
    schedule_.kind = ScheduleOptions::Kind::kConstant;
    hooks_.on_log = [this](const LogRecord& record) {
      records_.push_back(record);
      return absl::OkStatus();
    };
  }

  absl::StatusOr<StepLoss> Loss(int64_t step, double slope) {
    steps_.push_back(step);
    StepLoss loss;
    loss.total = at::sum(value_ * slope);
    loss.values = {{"step", static_cast<double>(step)}, {"slope", slope}};
    return loss;
  }

  absl::Status Run(const LoopOptions& options) {
    return RunLoop(
        options, schedule_, optimizer_.get(), [this](int64_t step) { return Loss(step, 1); }, hooks_);
  }

  double value() const { return value_.detach().item<double>(); }

  at::Tensor value_;
  std::unique_ptr<AdamW> optimizer_;
  ScheduleOptions schedule_;
  LoopHooks hooks_;
  std::vector<int64_t> steps_;
  std::vector<LogRecord> records_;
};

TEST_F(LoopTest, LogsMeansOfEveryIntervalAndOfTheRest) {
  LoopOptions options;
  options.phase = "heatmap";
  options.last_step = 5;
  options.log_interval = 2;
  ASSERT_EQ(Run(options), absl::OkStatus());
  EXPECT_THAT(steps_, ElementsAre(0, 1, 2, 3, 4));
  ASSERT_EQ(records_.size(), 3u);
  EXPECT_EQ(records_[0].phase, "heatmap");
  EXPECT_THAT((std::vector<int64_t>{records_[0].step, records_[1].step, records_[2].step}), ElementsAre(2, 4, 5));
  // steps 0 and 1, 2 and 3, then 4 alone
  ASSERT_EQ(records_[0].values.size(), 2u);
  EXPECT_EQ(records_[0].values[0].first, "step");
  EXPECT_EQ(records_[0].values[0].second, 0.5);
  EXPECT_EQ(records_[1].values[0].second, 2.5);
  EXPECT_EQ(records_[2].values[0].second, 4);
  // Adam moves by the learning rate where the gradient is constant: 2, 1.5, 1, 0.5, 0
  EXPECT_NEAR(records_[0].loss, (2 + 1.5) / 2, 1e-5);
  EXPECT_NEAR(records_[2].loss, 0, 1e-5);
  EXPECT_EQ(records_[2].gradient_norm, 1);
  EXPECT_EQ(records_[2].learning_rate, 0.5);
}

TEST_F(LoopTest, GoesOnAfterTheStepsThatAreDone) {
  LoopOptions options;
  options.first_step = 3;
  options.last_step = 5;
  options.steps_per_epoch = 4;
  options.log_interval = 1;
  std::vector<int64_t> done;
  hooks_.after_step = [&](int64_t steps) {
    done.push_back(steps);
    return absl::OkStatus();
  };
  ASSERT_EQ(Run(options), absl::OkStatus());
  EXPECT_THAT(steps_, ElementsAre(3, 4));
  EXPECT_THAT(done, ElementsAre(4, 5));
  EXPECT_EQ(records_[0].epoch, 0);
  EXPECT_EQ(records_[1].epoch, 1);
}

TEST_F(LoopTest, ALineEndsWhereAStateIsSavedSoThatAResumedRunLogsTheSame) {
  LoopOptions options;
  options.last_step = 6;
  options.log_interval = 4;
  options.state_interval = 3;
  ASSERT_EQ(Run(options), absl::OkStatus());
  ASSERT_EQ(records_.size(), 3u);
  EXPECT_THAT((std::vector<int64_t>{records_[0].step, records_[1].step, records_[2].step}), ElementsAre(3, 4, 6));
  const LogRecord whole = records_[1];
  // the same steps again, from the state after step 3
  records_.clear();
  options.first_step = 3;
  ASSERT_EQ(Run(options), absl::OkStatus());
  ASSERT_EQ(records_.size(), 2u);
  EXPECT_EQ(records_[0].step, whole.step);
  EXPECT_EQ(records_[0].values, whole.values);
}

TEST_F(LoopTest, DoesNothingWhereEverythingIsDone) {
  LoopOptions options;
  options.first_step = options.last_step = 5;
  ASSERT_EQ(Run(options), absl::OkStatus());
  EXPECT_TRUE(steps_.empty());
  EXPECT_TRUE(records_.empty());
  EXPECT_EQ(value(), 2);
}

TEST_F(LoopTest, TheScheduleSeesTheStepOfTheRunAndTheEpoch) {
  schedule_.kind = ScheduleOptions::Kind::kStep;
  schedule_.drop_epoch = 2;
  LoopOptions options;
  options.first_step = 3;
  options.last_step = 5;
  options.steps_per_epoch = 2;
  options.log_interval = 1;
  ASSERT_EQ(Run(options), absl::OkStatus());
  EXPECT_DOUBLE_EQ(records_[0].learning_rate, 0.5) << "epoch 1";
  EXPECT_DOUBLE_EQ(records_[1].learning_rate, 0.05) << "epoch 2";
}

TEST_F(LoopTest, ALossThatIsNotANumberNamesPhaseStepAndPartAndChangesNothing) {
  LoopOptions options;
  options.last_step = 3;
  double before = 0;
  const absl::Status status = RunLoop(
      options, schedule_, optimizer_.get(),
      [&](int64_t step) {
        before = value();
        return Loss(step, step == 1 ? kNan : 1);
      },
      hooks_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(std::string(status.message()), "training, step 2 of 3: the loss is not finite: nan, slope is nan");
  EXPECT_EQ(value(), before);
  EXPECT_THAT(steps_, ElementsAre(0, 1));
}

TEST_F(LoopTest, AGradientThatIsNotFiniteNamesTheParameterAndChangesNothing) {
  LoopOptions options;
  options.last_step = 1;
  const absl::Status status = RunLoop(
      options, schedule_, optimizer_.get(),
      [&](int64_t) -> absl::StatusOr<StepLoss> {
        // 0 * sqrt(x) at x = 0: the loss is 0, its slope 0 * infinity
        StepLoss loss;
        loss.total = at::sum((value_ - 2.0).sqrt() * 0.0);
        return loss;
      },
      hooks_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("training, step 1 of 1: gradient norm is not finite"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("gradient of value"));
  EXPECT_EQ(value(), 2);
}

TEST_F(LoopTest, ARefusalKeepsItsCodeAndSaysWhere) {
  LoopOptions options;
  options.phase = "stage one";
  options.last_step = 7;
  const absl::Status status = RunLoop(
      options, schedule_, optimizer_.get(),
      [](int64_t) -> absl::StatusOr<StepLoss> { return absl::NotFoundError("photo.jpg: cannot open"); }, hooks_);
  EXPECT_EQ(status, absl::NotFoundError("stage one, step 1 of 7: photo.jpg: cannot open"));
}

TEST_F(LoopTest, AHookThatFailsEndsTheLoop) {
  LoopOptions options;
  options.last_step = 3;
  hooks_.after_step = [](int64_t) { return absl::ResourceExhaustedError("disk full"); };
  EXPECT_EQ(Run(options), absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(steps_, ElementsAre(0));
}

}  // namespace
}  // namespace grouppose::train
