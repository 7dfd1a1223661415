// `pose_eval score`: a result file's numbers as a table and as JSON.
#ifndef EVAL_SCORE_COMMAND_H_
#define EVAL_SCORE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace eval {

inline constexpr char kScoreDescription[] =
    "average precision and recall of a result file, equal to the official tool's";

absl::Status RunScore(const std::vector<std::string>& arguments);

}  // namespace eval

#endif  // EVAL_SCORE_COMMAND_H_
