#include "tools/profile/gate.h"

#include "absl/strings/str_cat.h"
#include "tools/profile/format.h"

namespace profile {
namespace {

bool IsFault(const BenchmarkComparison& benchmark, double max_slowdown, bool strict) {
  switch (benchmark.verdict) {
    case Verdict::kSlower:
      return benchmark.estimate->ratio.estimate > 1 + max_slowdown;
    case Verdict::kOutputsDiffer:
    case Verdict::kFailed:
      return true;
    case Verdict::kInconclusive:
      return strict;
    default:
      return false;
  }
}

}  // namespace

std::vector<std::string> GateFaults(const Comparison& comparison, double max_slowdown, bool strict) {
  std::vector<std::string> faults;
  for (const BenchmarkComparison& benchmark : comparison.benchmarks) {
    if (!IsFault(benchmark, max_slowdown, strict)) continue;
    faults.push_back(
        absl::StrCat(benchmark.Name(), ": ", VerdictName(benchmark.verdict),
                     benchmark.estimate.has_value() ? absl::StrCat(", ", RatioText(benchmark.estimate->ratio)) : "",
                     benchmark.note.empty() ? "" : absl::StrCat(", ", benchmark.note)));
  }
  return faults;
}

}  // namespace profile
