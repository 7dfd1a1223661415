// `grouppose benchmark`: how long a step of an experiment's model takes, stage by stage.
#ifndef TOOLS_BENCHMARK_COMMAND_H_
#define TOOLS_BENCHMARK_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// Arguments behind the word "benchmark".
absl::Status RunBenchmarkCommand(const std::vector<std::string>& arguments);

}  // namespace grouppose

#endif  // TOOLS_BENCHMARK_COMMAND_H_
