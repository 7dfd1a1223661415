// Several annotation files as one: CrowdPose's training and validation images, on which its models are trained.
//
//   ASSIGN_OR_RETURN(eval::Dataset trainval, eval::Join({train, val}));
#ifndef EVAL_JOIN_H_
#define EVAL_JOIN_H_

#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"

namespace eval {

// Images and annotations of all parts in their order, categories of the first. An annotation id that is taken already
// is replaced by the smallest id above all others. InvalidArgument where two parts have the same image id, or other
// categories.
absl::StatusOr<Dataset> Join(const std::vector<Dataset>& parts);

}  // namespace eval

#endif  // EVAL_JOIN_H_
