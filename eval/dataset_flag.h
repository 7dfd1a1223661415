// The value of --dataset, the same for every subcommand.
#ifndef EVAL_DATASET_FLAG_H_
#define EVAL_DATASET_FLAG_H_

#include <string>

#include "absl/status/statusor.h"
#include "eval/keypoint_dataset.h"

namespace eval {

// "coco" or "crowdpose"; InvalidArgument with the nearest name for anything else.
absl::StatusOr<KeypointDataset> DatasetOfFlag(const std::string& value);

}  // namespace eval

#endif  // EVAL_DATASET_FLAG_H_
