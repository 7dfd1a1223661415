#include "tools/profile/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/files.h"

namespace profile {
namespace {

TEST(RunProcess, GivesOutputErrorsAndExitCode) {
  const auto result = RunProcess({"sh", "-c", "echo out; echo first >&2; echo last >&2; exit 3"}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "first\nlast\n");
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_FALSE(result->ok());
  EXPECT_EQ(result->Failure("sh").message(), "sh: exit code 3: last");
}

TEST(RunProcess, ReadsMoreThanAPipeHolds) {
  const auto result = RunProcess({"sh", "-c", "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2"}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output.size(), 3000000);
  EXPECT_EQ(result->errors.size(), 2000000);
}

TEST(RunProcess, TakesFolderAndEnvironment) {
  setenv("PROFILE_TEST_GONE", "1", 1);
  ProcessOptions options;
  options.folder = "/usr";
  options.environment = {{"PROFILE_TEST", "value"}, {"PROFILE_TEST_GONE", std::nullopt}};
  const auto result = RunProcess({"sh", "-c", "pwd; echo $PROFILE_TEST-${PROFILE_TEST_GONE-none}"}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "/usr\nvalue-none\n");
}

TEST(RunProcess, WritesALog) {
  ProcessOptions options;
  options.log = base::JoinPath(testing::TempDir(), "process.log");
  unlink(options.log.c_str());
  for (const char* text : {"echo a", "echo b >&2"}) {
    const auto result = RunProcess({"sh", "-c", text}, options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->output, "");
  }
  EXPECT_EQ(*base::ReadFile(options.log), "a\nb\n");
}

TEST(RunProcess, UsesTheOneCore) {
  const std::vector<int> cpus = AllowedCpus();
  ASSERT_FALSE(cpus.empty());
  ProcessOptions options;
  options.cpu = cpus.back();
  const auto result = RunProcess({"sh", "-c", "grep Cpus_allowed_list /proc/self/status"}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, absl::StrCat("Cpus_allowed_list:\t", cpus.back(), "\n"));
}

TEST(RunProcess, KillsWhatTakesTooLong) {
  ProcessOptions options;
  options.timeout_seconds = 0.2;
  const auto result = RunProcess({"sleep", "100"}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->timed_out);
  EXPECT_FALSE(result->ok());
  EXPECT_LT(result->seconds, 60);
}

TEST(RunProcess, NamesTheSignal) {
  const auto result = RunProcess({"sh", "-c", "kill -SEGV $$"}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 128 + 11);
}

TEST(RunProcess, RefusesWhatIsNoProgram) {
  const auto result = RunProcess({"/no/such/program"}, {});
  EXPECT_TRUE(absl::IsNotFound(result.status())) << result.status();
  ProcessOptions options;
  options.folder = "/no/such/folder";
  EXPECT_TRUE(absl::IsNotFound(RunProcess({"true"}, options).status()));
}

TEST(RunProcess, CountsInstructionsWhereTheProcessorDoes) {
  if (!CountsInstructions()) GTEST_SKIP() << "no instruction counter here (a virtual machine, or perf_event_paranoid)";
  ProcessOptions options;
  options.count_instructions = true;
  const auto few = RunProcess({"sh", "-c", "i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done"}, options);
  const auto many = RunProcess({"sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"}, options);
  ASSERT_TRUE(few.ok() && many.ok());
  ASSERT_TRUE(few->instructions.has_value() && many->instructions.has_value());
  EXPECT_GT(*many->instructions, 10 * *few->instructions);
}

}  // namespace
}  // namespace profile
