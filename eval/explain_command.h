// `pose_eval explain`: what keeps a result file from a perfect AP.
#ifndef EVAL_EXPLAIN_COMMAND_H_
#define EVAL_EXPLAIN_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace eval {

inline constexpr char kExplainDescription[] = "which errors a result file makes, and what each costs";

absl::Status RunExplain(const std::vector<std::string>& arguments);

}  // namespace eval

#endif  // EVAL_EXPLAIN_COMMAND_H_
