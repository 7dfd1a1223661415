// `grouppose parity`: this build against recorded outputs of the official implementation.
#ifndef TOOLS_PARITY_COMMAND_H_
#define TOOLS_PARITY_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// `arguments` are what follows "parity". Internal where a recording failed.
absl::Status RunParityCommand(const std::vector<std::string>& arguments);

}  // namespace grouppose

#endif  // TOOLS_PARITY_COMMAND_H_
