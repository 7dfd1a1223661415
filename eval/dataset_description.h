// From dataset.textproto (experiments/dataset.proto) to the struct that evaluation, losses, transforms and drawing
// share.
//
//   ASSIGN_OR_RETURN(eval::KeypointDataset hand, eval::ReadKeypointDataset("hand.textproto"));
//   ASSIGN_OR_RETURN(eval::KeypointDataset people, eval::KeypointDatasetOf(experiment.data()));
#ifndef EVAL_DATASET_DESCRIPTION_H_
#define EVAL_DATASET_DESCRIPTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "eval/keypoint_dataset.h"
#include "experiments/dataset.pb.h"
#include "experiments/experiment.pb.h"

namespace eval {

// A description that CheckDatasetDescription accepts; InvalidArgument for more keypoints than kMaxKeypoints. Splits are
// those of `layout` where it names none.
absl::StatusOr<KeypointDataset> ToKeypointDataset(const grouppose::experiments::DatasetDescription& description,
                                                  const KeypointDataset& layout = Coco());

// What the keypoints of an experiment are: those of its description, else COCO's or CrowdPose's as data.source says.
absl::StatusOr<KeypointDataset> KeypointDatasetOf(const grouppose::experiments::Data& data);

// One-line errors with the path in front; NotFound where there is no file.
absl::StatusOr<KeypointDataset> ReadKeypointDataset(const std::string& path);

}  // namespace eval

#endif  // EVAL_DATASET_DESCRIPTION_H_
