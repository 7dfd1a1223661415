// The data sets that an experiment names.
#ifndef GROUPPOSE_CONFIG_DATASETS_H_
#define GROUPPOSE_CONFIG_DATASETS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/experiment.pb.h"
#include "grouppose/data/dataset.h"

namespace grouppose::config {

// Synthetic: "train", "tuning", "test", each with a seed of its own. Photos: a split of their description (COCO:
// "train", "val"; CrowdPose: "train", "test") under `data_root`, "train" filtered by data.train_filter. InvalidArgument
// for another split, NotFound for missing files.
absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const experiments::Data& data, const std::string& data_root,
                                                     const std::string& split);
// Synthetic people whatever data.source says: what pretraining uses.
absl::StatusOr<std::unique_ptr<Dataset>> OpenSynthetic(const experiments::SyntheticPeople& synthetic,
                                                       const std::string& split);

// SHA-256 of the annotations and, of images that lie in memory or were drawn (synthetic), of every pixel. Photos are
// named by their annotations alone.
absl::StatusOr<std::string> DataSha256(const Dataset& dataset, bool with_pixels);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_DATASETS_H_
