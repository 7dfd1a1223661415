#include "eval/dataset_description.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "experiments/dataset_description.h"

namespace eval {
namespace {

using grouppose::experiments::Data;
using grouppose::experiments::DatasetDescription;

// The place of a name in the list of keypoints.
int IndexOf(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

absl::StatusOr<KeypointDataset> ToKeypointDataset(const DatasetDescription& description,
                                                  const KeypointDataset& layout) {
  RETURN_IF_ERROR(CheckDatasetDescription(description));
  KeypointDataset dataset;
  dataset.name = description.name();
  for (const DatasetDescription::Keypoint& keypoint : description.keypoints()) {
    dataset.names.push_back(keypoint.name());
    dataset.sigmas.push_back(keypoint.sigma());
  }
  for (const DatasetDescription::FlipPair& pair : description.flip_pairs()) {
    dataset.flip_pairs.emplace_back(IndexOf(dataset.names, pair.left()), IndexOf(dataset.names, pair.right()));
  }
  for (const DatasetDescription::Limb& limb : description.skeleton()) {
    dataset.skeleton.emplace_back(IndexOf(dataset.names, limb.from()), IndexOf(dataset.names, limb.to()));
  }
  dataset.area_rule =
      description.area_rule() == DatasetDescription::ANNOTATED ? AreaRule::kAnnotated : AreaRule::kBoxFraction;
  dataset.summary_rule =
      description.summary_rule() == DatasetDescription::BY_AREA ? SummaryRule::kByArea : SummaryRule::kByCrowdIndex;
  if (description.crowd_index_borders_size() == 2) {
    dataset.crowd_index_borders = {description.crowd_index_borders(0), description.crowd_index_borders(1)};
  }
  for (const DatasetDescription::Split& split : description.splits()) {
    dataset.splits.push_back({split.name(), split.annotations(), split.images()});
  }
  if (dataset.splits.empty()) dataset.splits = layout.splits;
  RETURN_IF_ERROR(Validate(dataset));
  return dataset;
}

absl::StatusOr<KeypointDataset> KeypointDatasetOf(const Data& data) {
  const KeypointDataset& own = data.source() == Data::CROWDPOSE ? CrowdPose() : Coco();
  if (!data.has_dataset()) return own;
  return ToKeypointDataset(data.dataset(), own);
}

absl::StatusOr<KeypointDataset> ReadKeypointDataset(const std::string& path) {
  ASSIGN_OR_RETURN(const DatasetDescription description, grouppose::experiments::ReadDatasetDescription(path));
  const absl::StatusOr<KeypointDataset> dataset = ToKeypointDataset(description);
  if (dataset.ok()) return dataset;
  return absl::Status(dataset.status().code(), absl::StrCat(path, ": ", std::string(dataset.status().message())));
}

}  // namespace eval
