// Pictures without annotations, as a data set to predict on.
#ifndef GROUPPOSE_DATA_IMAGE_LIST_H_
#define GROUPPOSE_DATA_IMAGE_LIST_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/data/dataset.h"

namespace grouppose {

// Files stand for themselves, folders for the .jpg, .jpeg and .png files in them (not below), by name. Image ids count
// from 1 in that order; ground_truth() has their paths, no sizes (they are known when a file is decoded) and no
// annotations.
// NotFound for a path that is not there, InvalidArgument where no picture is named, or one of them twice.
absl::StatusOr<std::unique_ptr<Dataset>> OpenImageList(const std::vector<std::string>& paths,
                                                       const eval::KeypointDataset& description);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_IMAGE_LIST_H_
