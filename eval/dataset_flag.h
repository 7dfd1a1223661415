// The value of --dataset, the same for every subcommand.
#ifndef EVAL_DATASET_FLAG_H_
#define EVAL_DATASET_FLAG_H_

#include <string>

#include "absl/status/statusor.h"
#include "eval/keypoint_dataset.h"

namespace eval {

inline constexpr char kDatasetValues[] = "coco|crowdpose|FILE";
inline constexpr char kDatasetHelp[] =
    "whose keypoints, sigmas and rules apply; FILE: a dataset.textproto, such as eval/datasets/coco.textproto";

// "coco", "crowdpose" or a dataset.textproto (dataset_description.h), relative to where the user stands.
// InvalidArgument with the nearest name for anything else.
absl::StatusOr<KeypointDataset> DatasetOfFlag(const std::string& value);

}  // namespace eval

#endif  // EVAL_DATASET_FLAG_H_
