#include "eval/keypoint_dataset.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace eval {
namespace {

// The official tools write the sigmas times ten and divide: .79 / 10.0 is not the double nearest to 0.079, and the last
// digit of every score would know.
std::vector<double> TenthsOf(std::vector<double> values) {
  for (double& value : values) value /= 10.0;
  return values;
}

KeypointDataset MakeCoco() {
  KeypointDataset coco;
  coco.name = "coco";
  coco.names = {"nose",           "left_eye",   "right_eye",   "left_ear",   "right_ear",   "left_shoulder",
                "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
                "right_hip",      "left_knee",  "right_knee",  "left_ankle", "right_ankle"};
  coco.sigmas = TenthsOf({.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89});
  coco.flip_pairs = {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}, {13, 14}, {15, 16}};
  coco.skeleton = {{15, 13}, {13, 11}, {16, 14}, {14, 12}, {11, 12}, {5, 11}, {6, 12}, {5, 6}, {5, 7}, {6, 8},
                   {7, 9},   {8, 10},  {1, 2},   {0, 1},   {0, 2},   {1, 3},  {2, 4},  {3, 5}, {4, 6}};
  coco.area_rule = AreaRule::kAnnotated;
  coco.summary_rule = SummaryRule::kByArea;
  coco.splits = {{"train", "annotations/person_keypoints_train2017.json", "images/train2017"},
                 {"val", "annotations/person_keypoints_val2017.json", "images/val2017"}};
  return coco;
}

KeypointDataset MakeCrowdPose() {
  KeypointDataset crowdpose;
  crowdpose.name = "crowdpose";
  crowdpose.names = {"left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
                     "right_wrist",   "left_hip",       "right_hip",  "left_knee",   "right_knee",
                     "left_ankle",    "right_ankle",    "head",       "neck"};
  crowdpose.sigmas = TenthsOf({.79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89, .79, .79});
  crowdpose.flip_pairs = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}, {10, 11}};
  // of our own: the skeleton in CrowdPose's files is COCO's, whose indices mean other joints here
  crowdpose.skeleton = {{12, 13}, {13, 0}, {13, 1}, {0, 2}, {2, 4},  {1, 3}, {3, 5},
                        {0, 6},   {1, 7},  {6, 7},  {6, 8}, {8, 10}, {7, 9}, {9, 11}};
  crowdpose.area_rule = AreaRule::kBoxFraction;
  crowdpose.summary_rule = SummaryRule::kByCrowdIndex;
  // trainval is made of CrowdPose's train and val
  crowdpose.splits = {{"train", "json/crowdpose_trainval.json", "images"},
                      {"test", "json/crowdpose_test.json", "images"}};
  return crowdpose;
}

absl::Status CheckPairs(const KeypointDataset& dataset, const std::vector<std::pair<int, int>>& pairs,
                        const std::string& field) {
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [a, b] = pairs[i];
    const int count = dataset.num_keypoints();
    if (a < 0 || b < 0 || a >= count || b >= count || a == b) {
      return absl::InvalidArgumentError(absl::StrCat("data set '", dataset.name, "': ", field, "[", i, "] is (", a,
                                                     ", ", b, "), expected two different keypoints below ", count));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const KeypointDataset& Coco() {
  static const KeypointDataset* const coco = new KeypointDataset(MakeCoco());
  return *coco;
}

const KeypointDataset& CrowdPose() {
  static const KeypointDataset* const crowdpose = new KeypointDataset(MakeCrowdPose());
  return *crowdpose;
}

absl::Status Validate(const KeypointDataset& dataset) {
  const std::string where = absl::StrCat("data set '", dataset.name, "': ");
  if (dataset.sigmas.empty())
    return absl::InvalidArgumentError(absl::StrCat(where, "no sigmas, expected one a keypoint"));
  if (dataset.num_keypoints() > kMaxKeypoints) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, dataset.num_keypoints(), " sigmas, expected at most ", kMaxKeypoints));
  }
  if (dataset.names.size() != dataset.sigmas.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, dataset.sigmas.size(), " sigmas, expected one for each of the ", dataset.names.size(), " names"));
  }
  for (size_t i = 0; i < dataset.sigmas.size(); ++i) {
    if (!(dataset.sigmas[i] > 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "sigmas[", i, "] is ", dataset.sigmas[i], ", expected a positive number"));
    }
  }
  RETURN_IF_ERROR(CheckPairs(dataset, dataset.flip_pairs, "flip_pairs"));
  RETURN_IF_ERROR(CheckPairs(dataset, dataset.skeleton, "skeleton"));
  std::vector<bool> paired(dataset.sigmas.size());
  for (const auto& [a, b] : dataset.flip_pairs) {
    if (paired[a] || paired[b]) {
      return absl::InvalidArgumentError(absl::StrCat(where, "keypoint ", paired[a] ? a : b, " is in two flip_pairs"));
    }
    paired[a] = paired[b] = true;
  }
  return absl::OkStatus();
}

}  // namespace eval
