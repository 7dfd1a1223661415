// `grouppose dataset check`: what is missing, broken or inconsistent in a data set.
#ifndef TOOLS_DATASET_CHECK_COMMAND_H_
#define TOOLS_DATASET_CHECK_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// Prints the report on stdout and progress on stderr. Aborted (exit 1) where something is broken; InvalidArgument or
// NotFound (exit 2) where nothing could be looked at.
absl::Status RunDatasetCheck(const std::vector<std::string>& arguments);

}  // namespace grouppose

#endif  // TOOLS_DATASET_CHECK_COMMAND_H_
