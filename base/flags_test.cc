#include "base/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Command {
  Command() : flags("tool run", "Runs.") {
    flags.Required("output", &output, "DIR", "where results go");
    flags.Optional("threads", &threads, "N", "threads of one operator");
    flags.Optional("rate", &rate, "R", "how fast");
    flags.Optional("device", &device, "NAME", "where");
    flags.Switch("details", &details, "more of everything");
    flags.Repeated("set", &sets, "path=value", "changes a field");
  }
  std::string Error(std::vector<std::string> arguments) {
    arguments.push_back("--output=x");
    return std::string(flags.Parse(arguments).status().message());
  }
  std::string output, device = "cpu";
  int64_t threads = 2;
  double rate = 0.5;
  bool details = false;
  std::vector<std::string> sets, files;
  Flags flags;
};

TEST(Flags, TakeValuesInBothSpellings) {
  Command command;
  const auto go_on = command.flags.Parse(
      {"--output=a=b", "--threads", "-3", "--rate=1e-3", "--details", "--set=x=1", "--set", "y=[1, 2]", "--device="});
  ASSERT_TRUE(go_on.ok()) << go_on.status();
  EXPECT_TRUE(*go_on);
  EXPECT_EQ(command.output, "a=b");
  EXPECT_EQ(command.threads, -3);
  EXPECT_EQ(command.rate, 1e-3);
  EXPECT_TRUE(command.details);
  EXPECT_EQ(command.device, "");
  EXPECT_THAT(command.sets, ElementsAre("x=1", "y=[1, 2]"));
}

TEST(Flags, KeepDefaults) {
  Command command;
  ASSERT_TRUE(command.flags.Parse({"--output=x"}).ok());
  EXPECT_EQ(command.threads, 2);
  EXPECT_EQ(command.rate, 0.5);
  EXPECT_EQ(command.device, "cpu");
  EXPECT_FALSE(command.details);
  EXPECT_THAT(command.sets, IsEmpty());
}

TEST(Flags, SwitchesTakeTrueAndFalse) {
  Command command;
  ASSERT_TRUE(command.flags.Parse({"--details=true", "--output=x"}).ok());
  EXPECT_TRUE(command.details);
  ASSERT_TRUE(command.flags.Parse({"--details=false", "--output=x"}).ok());
  EXPECT_FALSE(command.details);
  EXPECT_EQ(command.Error({"--details=perhaps"}), "--details: expected true or false, found 'perhaps'");
}

TEST(Flags, RefuseWhatTheyDoNotKnow) {
  EXPECT_EQ(Command().Error({"--thread=2"}),
            "unknown flag --thread; did you mean --threads? (--help lists the flags of tool run)");
  EXPECT_EQ(Command().Error({"--hlep"}),
            "unknown flag --hlep; did you mean --help? (--help lists the flags of tool run)");
  EXPECT_EQ(Command().Error({"--zzzzzzzz=2"}), "unknown flag --zzzzzzzz (--help lists the flags of tool run)");
  EXPECT_EQ(Command().Error({"file"}), "unexpected argument 'file'; tool run takes flags only (--help lists them)");
  EXPECT_EQ(Command().Error({"--threads=two"}), "--threads: expected an integer, found 'two'");
  EXPECT_EQ(Command().Error({"--threads="}), "--threads: expected an integer, found ''");
  EXPECT_EQ(Command().Error({"--rate=fast"}), "--rate: expected a number, found 'fast'");
  Command missing;
  EXPECT_EQ(missing.flags.Parse({}).status().message(), "--output=DIR is required: where results go");
  EXPECT_EQ(missing.flags.Parse({"--output="}).status().message(), "--output: expected a value (DIR), found nothing");
  EXPECT_EQ(missing.flags.Parse({"--output"}).status().message(), "--output: expected a value (DIR)");
  EXPECT_EQ(missing.flags.Parse({"--thread=2"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Flags, TakeArgumentsWithoutANameWhereAskedTo) {
  Command command;
  command.flags.Positional(&command.files, "FILE...", "what to run");
  ASSERT_TRUE(command.flags.Parse({"a", "--output=x", "-", "b"}).ok());
  EXPECT_THAT(command.files, ElementsAre("a", "-", "b"));
}

TEST(Flags, HelpListsAllAndStops) {
  Command command;
  command.flags.Positional(&command.files, "FILE...", "what to run");
  ::testing::internal::CaptureStdout();
  const auto go_on = command.flags.Parse({"--unfinished", "--help"});
  EXPECT_FALSE(go_on.ok());
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  ::testing::internal::CaptureStdout();
  const auto help = command.flags.Parse({"--help", "--unknown"});
  const std::string printed = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(help.ok());
  EXPECT_FALSE(*help);
  EXPECT_EQ(printed, command.flags.Help());
  for (const char* part :
       {"tool run: Runs.", "Usage: tool run [flags] FILE...", "what to run", "--output=DIR  (required)", "--threads=N",
        "threads of one operator [2]", "[0.5]", "[cpu]", "--details\n", "changes a field (may be repeated)"}) {
    EXPECT_THAT(printed, HasSubstr(part));
  }
}

TEST(Arguments, LeaveOutTheProgram) {
  char program[] = "tool", first[] = "a";
  char* argv[] = {program, first};
  EXPECT_THAT(Arguments(2, argv), ElementsAre("a"));
  EXPECT_THAT(Arguments(1, argv), IsEmpty());
  EXPECT_THAT(Arguments(0, argv), IsEmpty());
}

TEST(NearestName, FindsTypingMistakes) {
  const std::vector<std::string> names = {"threads", "thresholds", "output"};
  EXPECT_EQ(NearestName("thread", names), "threads");
  EXPECT_EQ(NearestName("treshold", names), "thresholds");
  EXPECT_EQ(NearestName("ouptut", names), "output");
  EXPECT_EQ(NearestName("epochs", names), "");
  EXPECT_EQ(NearestName("", names), "");
  EXPECT_EQ(NearestName("a", {}), "");
  // ties: the first
  EXPECT_EQ(NearestName("bat", {"cat", "hat"}), "cat");
}

}  // namespace
}  // namespace base
