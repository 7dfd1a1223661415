// `grouppose checkpoint`: inspect, convert, diff.
#ifndef TOOLS_CHECKPOINT_COMMAND_H_
#define TOOLS_CHECKPOINT_COMMAND_H_

#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// `arguments` are what follows "checkpoint". What is printed goes to `out`; Aborted (exit 1) where `diff` finds
// differences.
absl::Status RunCheckpointCommand(const std::vector<std::string>& arguments, std::ostream& out = std::cout);

}  // namespace grouppose

#endif  // TOOLS_CHECKPOINT_COMMAND_H_
