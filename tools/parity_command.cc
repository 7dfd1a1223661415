#include "tools/parity_command.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "grouppose/parity/parity.h"
#include "grouppose/train/determinism.h"

namespace grouppose {
namespace {

// More than any machine has; a larger number is a slip of the keyboard.
constexpr int64_t kMaxThreads = 4096;

// "  pred_logits  abs 1.2e-06 rel 3e-07  tolerance 5e-05"
void PrintComparison(const parity::Comparison& comparison) {
  if (!comparison.fault.empty()) {
    std::printf("    %-60s FAILED: %s\n", comparison.what.c_str(), comparison.fault.c_str());
  } else if (comparison.tolerance.empty()) {
    std::printf("    %-60s equal\n", comparison.what.c_str());
  } else {
    std::printf("    %-60s abs %.1e rel %.1e  tolerance %s\n", comparison.what.c_str(), comparison.absolute,
                comparison.relative, comparison.tolerance.c_str());
  }
}

}  // namespace

absl::Status RunParityCommand(const std::vector<std::string>& arguments) {
  parity::ParityOptions options;
  int64_t threads = 0;
  bool verbose = false;
  base::Flags flags(
      "grouppose parity",
      "Runs this build on the inputs of recorded outputs of the official implementation and compares. One "
      "line a recording: its name, what was compared, the largest absolute and relative difference, the "
      "tolerance of the comparison that came nearest to its own, the verdict. Exit code 1 where one "
      "failed.");
  flags.Required("fixtures", &options.folder, "DIR", "folder with index.json and the recordings");
  flags.Optional("filter", &options.filter, "RE", "only names that contain a match of this regular expression");
  flags.Optional("threads", &threads, "N", "threads of one operator; 0 takes all cores");
  flags.Switch("verbose", &verbose, "one line a comparison too");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (threads < 0 || threads > kMaxThreads) {
    return absl::InvalidArgumentError(absl::StrCat("--threads=", threads, ": expected 0 to ", kMaxThreads));
  }
  // the recordings were made with AVX2 kernels; wider ones sum in another order
  train::PinInstructionSet();
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  options.folder = base::UserPath(options.folder);

  parity::ParityHooks hooks;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  hooks.before = [terminal](const std::string& name) {
    if (terminal) std::fprintf(stderr, "parity: %s ...\r\033[K", name.c_str());
  };
  hooks.after = [verbose](const parity::Outcome& outcome) {
    std::printf("%s\n", parity::Line(outcome).c_str());
    if (verbose) {
      for (const parity::Comparison& comparison : outcome.report.comparisons()) PrintComparison(comparison);
    }
    std::fflush(stdout);
  };
  ASSIGN_OR_RETURN(const parity::ParityCounts counts, parity::RunParity(options, hooks));
  std::printf("%d passed, %d failed, %d skipped\n", counts.passed, counts.failed, counts.skipped);
  if (counts.failed == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("parity: ", counts.failed, " of ", counts.passed + counts.failed,
                                          " recordings differ from this build"));
}

}  // namespace grouppose
