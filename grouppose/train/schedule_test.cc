#include "grouppose/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/files.h"
#include "simdjson.h"

namespace grouppose::train {
namespace {

using Kind = ScheduleOptions::Kind;

TEST(ScheduleTest, StepDropsAtTheStartOfTheEpoch) {
  ScheduleOptions options;
  options.drop_epoch = 50;
  EXPECT_EQ(LearningRateFactor(options, 0, 0), 1);
  EXPECT_EQ(LearningRateFactor(options, 123456, 49), 1);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 0, 50), 0.1);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 0, 99), 0.1);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 0, 100), 0.01);
  options.drop_factor = 0.5;
  EXPECT_EQ(LearningRateFactor(options, 0, 150), 0.125);
}

TEST(ScheduleTest, CosineWarmsUpLinearlyAndEndsAtZero) {
  ScheduleOptions options;
  options.kind = Kind::kCosine;
  options.total_steps = 108;
  options.warmup_steps = 8;
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 0, 0), 1.0 / 8);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 6, 0), 7.0 / 8);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 7, 0), 1);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 8, 0), 1);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 33, 7), (1 + std::sqrt(0.5)) / 2);
  EXPECT_DOUBLE_EQ(LearningRateFactor(options, 58, 0), 0.5);
  EXPECT_GT(LearningRateFactor(options, 107, 0), 0);
  EXPECT_NEAR(LearningRateFactor(options, 108, 0), 0, 1e-15);
  EXPECT_NEAR(LearningRateFactor(options, 1000, 0), 0, 1e-15);
  for (int64_t step = 9; step < 108; ++step) {
    EXPECT_LT(LearningRateFactor(options, step, 0), LearningRateFactor(options, step - 1, 0));
  }
}

TEST(ScheduleTest, WarmUpMayTakeTheWholeRun) {
  ScheduleOptions options;
  options.kind = Kind::kCosine;
  options.total_steps = 4;
  options.warmup_steps = 8;
  for (int64_t step = 0; step < 4; ++step) EXPECT_DOUBLE_EQ(LearningRateFactor(options, step, 0), (step + 1) / 8.0);
}

TEST(ScheduleTest, ConstantStaysButForTheWarmUp) {
  ScheduleOptions options;
  options.kind = Kind::kConstant;
  EXPECT_EQ(LearningRateFactor(options, 0, 0), 1);
  EXPECT_EQ(LearningRateFactor(options, 1 << 20, 1000), 1);
  options.warmup_steps = 2;
  EXPECT_EQ(LearningRateFactor(options, 0, 0), 0.5);
  EXPECT_EQ(LearningRateFactor(options, 1, 0), 1);
  EXPECT_EQ(LearningRateFactor(options, 2, 0), 1);
}

TEST(ScheduleTest, ImpossibleOptionsBreakAnInvariant) {
  ScheduleOptions options;
  options.drop_epoch = 0;
  EXPECT_THROW(LearningRateFactor(options, 0, 0), base::CheckError);
  options.kind = Kind::kCosine;
  EXPECT_THROW(LearningRateFactor(options, 0, 0), base::CheckError);
}

// Learning rates of the official code, of both parameter groups, in an uninterrupted run and after resuming from the
// checkpoint of epoch 3 under another drop: all of them follow from the epoch alone.
TEST(ScheduleTest, EqualsTheOfficialStepSchedule) {
  const char* folder = std::getenv("GROUPPOSE_TEST_DATA");
  if (folder == nullptr || !base::IsDirectory(folder)) {
    GTEST_SKIP() << "GROUPPOSE_TEST_DATA is not set to a folder with the outside results";
  }
  const auto json = base::ReadFile(base::JoinPath(folder, "fixtures/lr_schedule.json"));
  ASSERT_TRUE(json.ok()) << json.status();
  simdjson::dom::parser parser;
  simdjson::dom::object cases;
  ASSERT_EQ(parser.parse(simdjson::padded_string(*json)).get(cases), simdjson::SUCCESS);
  int seen = 0;
  for (const auto& [name, rates] : cases) {
    SCOPED_TRACE(std::string(name));
    ScheduleOptions options;
    const size_t drop = name.find("lr_drop=");
    ASSERT_NE(drop, std::string_view::npos);
    options.drop_epoch = std::stoi(std::string(name.substr(drop + 8)));
    int64_t epoch = name.find("resumed") == 0 ? 4 : 0;
    for (simdjson::dom::element pair : rates) {
      const double factor = LearningRateFactor(options, 0, epoch);
      EXPECT_DOUBLE_EQ(1e-4 * factor, pair.at(0).get_double()) << "epoch " << epoch;
      EXPECT_DOUBLE_EQ(1e-5 * factor, pair.at(1).get_double()) << "epoch " << epoch;
      ++epoch;
      ++seen;
    }
    EXPECT_EQ(epoch, 8);
  }
  EXPECT_EQ(seen, 8 + 3 * 4);
}

}  // namespace
}  // namespace grouppose::train
