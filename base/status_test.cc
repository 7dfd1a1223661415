#include "base/status.h"

#include <stdexcept>

#include "gtest/gtest.h"

namespace base {
namespace {

struct Outcome {
  int code;
  std::string error;
};

Outcome RunTool(const std::function<absl::Status()>& body) {
  ::testing::internal::CaptureStderr();
  const int code = RunMain("tool", body);
  return {code, ::testing::internal::GetCapturedStderr()};
}

TEST(RunMain, IsSilentWhenDone) {
  const Outcome outcome = RunTool([] { return absl::OkStatus(); });
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.error, "");
}

TEST(RunMain, PrintsOneLine) {
  const Outcome outcome = RunTool([] { return absl::InvalidArgumentError("bad\nthing\n"); });
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.error, "tool: bad thing\n");
}

TEST(RunMain, CatchesExceptions) {
  const Outcome outcome = RunTool([]() -> absl::Status { throw std::runtime_error("it broke"); });
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.error, "tool: it broke\n");
}

TEST(ExitCode, TellsUsageFromFailure) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::OutOfRangeError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::UnknownError("x")), 1);
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  ASSIGN_OR_RETURN(int quarter, Half(half));
  return quarter;
}

absl::Status NeedsQuarter(int value) {
  RETURN_IF_ERROR(Quarter(value).status());
  return absl::OkStatus();
}

TEST(Macros, HandErrorsOn) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
  EXPECT_TRUE(NeedsQuarter(8).ok());
  EXPECT_EQ(NeedsQuarter(9).message(), "odd");
}

}  // namespace
}  // namespace base
