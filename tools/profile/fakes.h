// Programs and a runner for tests: times are a function of program, benchmark and run, and no clock is looked at.
#ifndef TOOLS_PROFILE_FAKES_H_
#define TOOLS_PROFILE_FAKES_H_

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tools/profile/benchmark_run.h"
#include "tools/profile/programs.h"
#include "tools/profile/revisions.h"

namespace profile {

struct FakeBenchmark {
  double nanoseconds = 1e6;
  std::map<std::string, double> counters;
  bool fails = false;
};

inline Revision FakeRevision(char digit) {
  return {std::string(40, digit), std::string(40, static_cast<char>(digit - 1)), "2026-01-01T00:00:00+00:00",
          absl::StrCat("commit ", std::string(1, digit))};
}

// One revision's programs: label -> digest.
class FakeBuilder : public Builder {
 public:
  std::map<std::string, std::map<std::string, std::string>> programs;  // by commit
  absl::StatusOr<std::vector<Program>> Build(const Revision& revision) override {
    const auto found = programs.find(revision.commit);
    if (found == programs.end()) return absl::FailedPreconditionError("does not build; build.log says why");
    std::vector<Program> built;
    for (const auto& [label, digest] : found->second) built.push_back({label, digest, "", {}});
    return built;
  }
};

class FakeRunner : public Runner {
 public:
  std::map<std::string, std::map<std::string, FakeBenchmark>> benchmarks;  // by digest and name
  double noise = 0.01;
  int runs = 0;

  absl::StatusOr<std::vector<std::string>> List(const Program& program) override {
    std::vector<std::string> names;
    for (const auto& [name, benchmark] : benchmarks[program.digest]) names.push_back(name);
    return names;
  }

  absl::StatusOr<std::vector<BenchmarkSample>> Run(const Program& program, const std::vector<std::string>& names,
                                                   const RunOptions&) override {
    ++runs;
    base::RandomStream random("fake times", {static_cast<uint64_t>(runs)});
    std::vector<BenchmarkSample> samples;
    for (const std::string& name : names) {
      const auto found = benchmarks[program.digest].find(name);
      if (found == benchmarks[program.digest].end()) continue;
      if (found->second.fails) return absl::UnknownError(absl::StrCat(program.label, ": exit code 139"));
      const double factor = std::exp(noise * random.NextNormal());
      samples.push_back({name, found->second.nanoseconds * factor, found->second.counters});
    }
    return samples;
  }

  // As many as nanoseconds.
  absl::StatusOr<int64_t> Instructions(const Program& program, const std::string& name, InstructionCounter) override {
    return static_cast<int64_t>(benchmarks[program.digest][name].nanoseconds);
  }
};

}  // namespace profile

#endif  // TOOLS_PROFILE_FAKES_H_
