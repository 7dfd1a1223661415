// What a comparison looks like in a terminal and in JSON.
#ifndef TOOLS_PROFILE_FORMAT_H_
#define TOOLS_PROFILE_FORMAT_H_

#include <map>
#include <string>

#include "tools/profile/compare.h"

namespace profile {

// A table of what was measured, then what was not and why, then a line that counts the verdicts.
std::string FormatComparison(const Comparison& comparison, const ComparisonOptions& options);

// {"base", "head", "benchmarks": [{"label", "name", "verdict", "ratio": [estimate, low, high], ...}]}, times in
// nanoseconds.
std::string ComparisonJson(const Comparison& comparison);

// "12.3 ms": three digits.
std::string TimeText(double nanoseconds);
// "1.103 [1.094, 1.112]"
std::string RatioText(const base::Interval& ratio);

// Speed and its share of what the machine can do, where the benchmark counts them, else "": "51.2 GFLOP/s (61 % of the
// peak), 9.8 GB/s (20 % of copying)".
std::string CountersText(const std::map<std::string, double>& counters, double nanoseconds);

}  // namespace profile

#endif  // TOOLS_PROFILE_FORMAT_H_
