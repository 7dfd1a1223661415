// Compares the benchmarks of two revisions: the same outputs first, then their times, interleaved.
//
//   ComparisonOptions options;
//   ASSIGN_OR_RETURN(const Comparison comparison, Compare(base, head, options, &builder, &runner, nullptr));
//
// What is measured when: programs with equal digests are not run. Of every other program the benchmarks that both
// revisions have run once each, which warms files and caches and gives the outputs that are compared. Then come rounds:
// base, head and the base again in random order, one process each, until the interval of the ratio is narrow enough or
// the time is over. verdict.h says what follows from the rounds.
#ifndef TOOLS_PROFILE_COMPARE_H_
#define TOOLS_PROFILE_COMPARE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/profile/benchmark_run.h"
#include "tools/profile/programs.h"
#include "tools/profile/revisions.h"
#include "tools/profile/static_profile.h"
#include "tools/profile/verdict.h"

namespace profile {

enum class Arm { kBase, kHead, kTwin };
inline constexpr Arm kArms[] = {Arm::kBase, Arm::kHead, Arm::kTwin};

struct ComparisonOptions {
  // Regular expressions (ECMAScript), searched in "LABEL NAME". Empty: all, and none left out.
  std::string filter;
  std::string skip;
  // Wall-clock seconds for the rounds of all programs together; the builds and the first run of each come on top.
  double time_budget = 300;
  // Fewer rounds give no interval worth the name.
  int min_rounds = 10;
  // A benchmark is settled when its interval is this narrow (half of the width, as a share), or a quarter of the
  // effect.
  double half_width = 0.01;
  VerdictOptions verdict;
  RunOptions run;
  InstructionCounter instructions = InstructionCounter::kNone;
  // Says what is going on, in whole lines; progress of the rounds is shown on stderr where this is set.
  std::function<void(const std::string&)> say;
};

// What two revisions' benchmark gave.
struct BenchmarkComparison {
  std::string label, name;
  Verdict verdict = Verdict::kInconclusive;
  // Where it was measured: at least one round.
  std::optional<Estimate> estimate;
  Times times;
  std::map<std::string, double> base_counters, head_counters;
  std::optional<int64_t> base_instructions, head_instructions;  // as Runner::Instructions
  bool outputs_compared = false;
  std::string note;  // why it failed, or which outputs differ

  std::string Name() const { return label + " " + name; }
};

struct Comparison {
  Revision base, head;
  std::vector<BenchmarkComparison> benchmarks;  // by label, then in the program's order
  // Labels whose programs are identical, and what else a reader should know.
  std::vector<std::string> identical, notes;
  // Of the CUDA kernels that both revisions have tables of, and of those how many there are (kernel and architecture).
  std::vector<StaticChange> static_changes;
  int static_kernels = 0;
  int rounds = 0;
  double seconds = 0;
  double load = 0;  // of the machine when the rounds began

  int Count(Verdict verdict) const;
};

// Hears of every round when it is complete, and gives back rounds of an earlier, unfinished run of the same comparison.
class RoundLog {
 public:
  // [arm] -> benchmark -> nanoseconds.
  using Round = std::map<Arm, std::map<std::string, double>>;
  virtual ~RoundLog() = default;
  virtual absl::Status Put(const std::string& label, int number, const Round& round) = 0;
  virtual absl::StatusOr<std::vector<Round>> Earlier(const std::string& label) = 0;
};

// FailedPrecondition where a revision does not build.
absl::StatusOr<Comparison> Compare(const Revision& base, const Revision& head, const ComparisonOptions& options,
                                   Builder* builder, Runner* runner, RoundLog* log);

// Counters named "output..." describe a benchmark's results on its inputs: signed sums, which rounding moves by little
// and any wrong element by much. They agree where they differ by at most "output_tolerance" (1e-4 where it is not
// given) times "output_scale" (the larger of both; 1 where it is not given). The text says what differs; "" where
// nothing does.
std::string OutputDifference(const std::map<std::string, double>& base, const std::map<std::string, double>& head);

// InvalidArgument where a pattern is none.
absl::Status CheckPatterns(const ComparisonOptions& options);

}  // namespace profile

#endif  // TOOLS_PROFILE_COMPARE_H_
