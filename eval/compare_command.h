// `pose_eval compare`: two result files on the same images, with intervals and verdicts.
#ifndef EVAL_COMPARE_COMMAND_H_
#define EVAL_COMPARE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace eval {

inline constexpr char kCompareDescription[] = "whether one of two result files is better, by resampling the images";

absl::Status RunCompare(const std::vector<std::string>& arguments);

}  // namespace eval

#endif  // EVAL_COMPARE_COMMAND_H_
