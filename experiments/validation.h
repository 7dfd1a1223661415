// Refuses experiments that cannot be run as they are written.
#ifndef EXPERIMENTS_VALIDATION_H_
#define EXPERIMENTS_VALIDATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "experiments/experiment.pb.h"
#include "experiments/layers.h"

namespace grouppose::experiments {

// `experiment` has its defaults filled in. InvalidArgument for the first rule it breaks, at the place where the value
// that broke it was set.
absl::Status Validate(const Experiment& experiment, const Origins& origins);

// The paths of all numbers whose range is checked: every number of Experiment.
std::vector<std::string> CheckedNumbers();

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_VALIDATION_H_
