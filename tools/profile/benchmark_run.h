// Runs programs on Google Benchmark and reads what they report.
#ifndef TOOLS_PROFILE_BENCHMARK_RUN_H_
#define TOOLS_PROFILE_BENCHMARK_RUN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/profile/programs.h"

namespace profile {

// One benchmark of one run of a program.
struct BenchmarkSample {
  std::string name;
  // Of one iteration, the fastest of the run's repetitions: what else runs on the machine can only add to it. Real time
  // where the benchmark asks for that (its name holds /real_time), else the CPU time of its thread.
  double nanoseconds = 0;
  // User counters of the first repetition; NaN for those that are not finite.
  std::map<std::string, double> counters;
};

struct RunOptions {
  // Google Benchmark repeats the loop for so long, each repetition; 0 runs the body once. Several short repetitions:
  // one that nobody disturbed is likelier among them.
  double min_seconds = 0.01;
  int repetitions = 7;
  int cpu = -1;  // the only core for programs of one thread; -1 leaves them free
};

// Who counts instructions.
enum class InstructionCounter { kNone, kProcessor, kValgrind };

// What runs a program; tests have their own.
class Runner {
 public:
  virtual ~Runner() = default;
  // All benchmarks of a program, in its order.
  virtual absl::StatusOr<std::vector<std::string>> List(const Program& program) = 0;
  // Runs these benchmarks, in the program's order; a name that the program has not is passed over. Unknown where the
  // program fails.
  virtual absl::StatusOr<std::vector<BenchmarkSample>> Run(const Program& program,
                                                           const std::vector<std::string>& names,
                                                           const RunOptions& options) = 0;
  // Instructions of one call of the benchmark's function with one iteration, its inputs included: half of what three
  // calls take more than one. NotFound where there is no valgrind, FailedPrecondition where the processor counts none.
  virtual absl::StatusOr<int64_t> Instructions(const Program& program, const std::string& name,
                                               InstructionCounter counter) = 0;
};

class ProcessRunner : public Runner {
 public:
  absl::StatusOr<std::vector<std::string>> List(const Program& program) override;
  absl::StatusOr<std::vector<BenchmarkSample>> Run(const Program& program, const std::vector<std::string>& names,
                                                   const RunOptions& options) override;
  absl::StatusOr<int64_t> Instructions(const Program& program, const std::string& name,
                                       InstructionCounter counter) override;
};

// Whether the benchmark says that it uses more than one thread: "/threads:2" in its name. Such are not pinned.
bool UsesThreads(const std::string& name);

// Google Benchmark's JSON report. InvalidArgument where it is none, or a benchmark reports an error.
absl::StatusOr<std::vector<BenchmarkSample>> ParseBenchmarkReport(const std::string& json, const std::string& source);

// A pattern for --benchmark_filter that fits exactly these names.
std::string ExactFilter(const std::vector<std::string>& names);

}  // namespace profile

#endif  // TOOLS_PROFILE_BENCHMARK_RUN_H_
