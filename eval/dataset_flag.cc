#include "eval/dataset_flag.h"

#include "absl/strings/str_cat.h"
#include "base/flags.h"

namespace eval {

absl::StatusOr<KeypointDataset> DatasetOfFlag(const std::string& value) {
  for (const KeypointDataset* dataset : {&Coco(), &CrowdPose()}) {
    if (dataset->name == value) return *dataset;
  }
  const std::string nearest = base::NearestName(value, {Coco().name, CrowdPose().name});
  return absl::InvalidArgumentError(absl::StrCat("--dataset: expected coco or crowdpose, found '", value, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

}  // namespace eval
