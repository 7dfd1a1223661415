// From the times of one benchmark to what may be said about it.
//
// Each round runs three programs in random order: the base, the head, and the base once more (the twin). Within a round
// the machine is about as busy for all three. The ratio is exp(median x) over rounds with x = log(head / sqrt(base *
// twin)), and its interval a percentile bootstrap over rounds. The same program against itself, y = log(twin / base),
// is what "no change" looks like here and now.
//
// The p-value is Mann and Whitney's for the head's times against those of base and twin together. Each time is first
// divided by the median of all times in the four nearest rounds, two before and two after: that takes out how busy the
// machine was just then, by nothing that the round itself has measured. What a whole round has in common stays in,
// which makes the test careful rather than bold. Holm's adjustment covers the benchmarks of a comparison.
//
// A verdict needs an effect beyond the floor: the smallest effect worth a name, or what the twin shows that a program
// differs from itself here by (the farther end of the interval of median y), whichever is larger.
#ifndef TOOLS_PROFILE_VERDICT_H_
#define TOOLS_PROFILE_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/statistics.h"

namespace profile {

// Of one benchmark, nanoseconds, by round.
struct Times {
  std::vector<double> base, head, twin;
};

enum class Verdict {
  kFaster,
  kSlower,
  kNoChange,       // the whole interval is within the smallest effect worth a name
  kInconclusive,   // neither; the interval says what is possible
  kIdentical,      // the same program, not run
  kOnlyInBase,     // gone from the head
  kOnlyInHead,     // new
  kOutputsDiffer,  // other results for the same inputs: no time is compared
  kFailed,         // a program did not run
};
// "faster", "slower", "no change", "inconclusive", "identical", "only in base", "only in head", "outputs differ",
// "failed".
const char* VerdictName(Verdict verdict);

struct VerdictOptions {
  // The smallest effect worth a name, as a share: where code lies in memory alone moves times by a per cent or two.
  double min_effect = 0.02;
  double confidence = 0.95;
  // Whoever believes all verdicts of a comparison is wrong about any in at most this share of comparisons.
  double alpha = 0.01;
  int resamples = 2000;
  uint64_t seed = 1;
};

struct Estimate {
  int rounds = 0;
  double base_median = 0, head_median = 0;  // nanoseconds
  base::Interval ratio;                     // head / base
  base::Interval noise;                     // twin / base
  double p_value = 1, p_adjusted = 1;
  double floor = 0;  // as a share
  Verdict verdict = Verdict::kInconclusive;

  // Half of the interval's width, as a share.
  double HalfWidth() const { return (ratio.high - ratio.low) / 2; }
};

// All but p_adjusted and the verdict, from at least one round.
Estimate EstimateRatio(const Times& times, const VerdictOptions& options);

// Sets p_adjusted and the verdict of all benchmarks of one comparison.
void Judge(const VerdictOptions& options, std::vector<Estimate*> estimates);

}  // namespace profile

#endif  // TOOLS_PROFILE_VERDICT_H_
