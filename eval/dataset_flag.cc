#include "eval/dataset_flag.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "eval/dataset_description.h"

namespace eval {

absl::StatusOr<KeypointDataset> DatasetOfFlag(const std::string& value) {
  for (const KeypointDataset* dataset : {&Coco(), &CrowdPose()}) {
    if (dataset->name == value) return *dataset;
  }
  const std::string path = base::UserPath(value);
  if (absl::EndsWith(value, ".textproto") || base::FileExists(path)) return ReadKeypointDataset(path);
  const std::string nearest = base::NearestName(value, {Coco().name, CrowdPose().name});
  return absl::InvalidArgumentError(absl::StrCat("--dataset: expected coco, crowdpose or a dataset.textproto, found '",
                                                 value, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

}  // namespace eval
