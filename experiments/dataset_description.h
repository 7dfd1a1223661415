// dataset.textproto: what the keypoints of a data set are (experiments/dataset.proto), read and checked.
//
//   ASSIGN_OR_RETURN(DatasetDescription hand, ReadDatasetDescription("hand.textproto"));
//
// Programs take eval::KeypointDataset, which eval/dataset_description.h makes of it.
#ifndef EXPERIMENTS_DATASET_DESCRIPTION_H_
#define EXPERIMENTS_DATASET_DESCRIPTION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/dataset.pb.h"
#include "experiments/experiment.pb.h"

namespace grouppose::experiments {

// NotFound where there is no file; else InvalidArgument in one line for the first thing that is wrong:
//   hand.textproto:9:1: flip_pairs[1].left is "left_wirst", expected a name of keypoints; did you mean left_wrist?
absl::StatusOr<DatasetDescription> ReadDatasetDescription(const std::string& path);

// The same of a text; `name` stands in errors where a path would.
absl::StatusOr<DatasetDescription> ParseDatasetDescription(const std::string& text, const std::string& name);

// Refuses a description without a name, without keypoints or with keypoints that share a name; sigmas that are missing
// or not positive; pairs of names that are none, or of one keypoint with itself; a keypoint in two flip pairs; borders
// that are not two ascending numbers; splits that share a name or lack a path. The message begins with the field.
absl::Status CheckDatasetDescription(const DatasetDescription& description);

// What messages call the data: the description's name, else that of data.source ("COCO").
std::string DatasetName(const Data& data);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_DATASET_DESCRIPTION_H_
