// Runs a program and waits for it: what it printed, how it ended, and what it executed.
//
//   ASSIGN_OR_RETURN(const ProcessResult result, RunProcess({"git", "rev-parse", "HEAD"}, {}));
//   if (!result.ok()) return result.Failure("git rev-parse");
//
// The program dies with this one (also by kill -9), so that no build or benchmark goes on unwatched.
#ifndef TOOLS_PROFILE_PROCESS_H_
#define TOOLS_PROFILE_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace profile {

struct ProcessOptions {
  std::string folder;  // to run in; "" is the present one
  // Set, or taken away where there is no value, on top of this program's environment.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
  int cpu = -1;                // the only core it may use; -1 leaves it free
  std::string log;             // stdout and stderr are appended to this file instead of being returned; "" returns
  double timeout_seconds = 0;  // then it is killed; 0 waits
  bool count_instructions = false;
};

struct ProcessResult {
  int exit_code = 0;  // 128 + the signal where one ended it
  bool timed_out = false;
  std::string output;  // stdout
  std::string errors;  // stderr
  double seconds = 0;
  // Of the program and its children in user mode, by the processor's counter; nothing where it has none, or where the
  // system does not let this user read it (/proc/sys/kernel/perf_event_paranoid above 2).
  std::optional<int64_t> instructions;

  bool ok() const { return exit_code == 0 && !timed_out; }
  // "WHAT: exit code 1: the last line it printed". Unknown.
  absl::Status Failure(const std::string& what) const;
};

// argv[0] is looked up in PATH. NotFound where it cannot be run.
absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options);

// The cores that this program may use.
std::vector<int> AllowedCpus();

// Whether instructions can be counted here.
bool CountsInstructions();

}  // namespace profile

#endif  // TOOLS_PROFILE_PROCESS_H_
