// `grouppose dataset synthesize`: synthetic people as a COCO folder.
#ifndef TOOLS_DATASET_COMMAND_H_
#define TOOLS_DATASET_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// `arguments` are what follows "dataset".
absl::Status RunDatasetCommand(const std::vector<std::string>& arguments);

}  // namespace grouppose

#endif  // TOOLS_DATASET_COMMAND_H_
