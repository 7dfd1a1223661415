// `pose_eval gate`: fails where a measurement is worse than recorded runs; `--update` records them.
#ifndef EVAL_GATE_COMMAND_H_
#define EVAL_GATE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace eval {

inline constexpr char kGateDescription[] = "whether metrics are as good as a recorded baseline";

absl::Status RunGate(const std::vector<std::string>& arguments);

}  // namespace eval

#endif  // EVAL_GATE_COMMAND_H_
