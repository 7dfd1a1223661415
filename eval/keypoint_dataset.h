// What a keypoint data set is made of, apart from its images: the description that evaluation, losses, transforms and
// drawing share.
//
//   const eval::KeypointDataset& coco = eval::Coco();
//   coco.num_keypoints();   // 17
//   coco.sigmas[0];         // 0.026: how far annotators disagree about a nose, relative to a person's size
//
// Another data set is another value of the struct, no code; dataset_description.h reads one from a file.
#ifndef EVAL_KEYPOINT_DATASET_H_
#define EVAL_KEYPOINT_DATASET_H_

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace eval {

// The area of an annotated person, by which object keypoint similarity (OKS) measures distances.
enum class AreaRule {
  kAnnotated,    // the `area` of the annotation: COCO, where it is the area of the segmentation
  kBoxFraction,  // kBoxAreaFraction * width * height of the box, whatever `area` says: CrowdPose has no segmentation
};

// Of a person's box, the share that the person covers (crowdposetools).
inline constexpr double kBoxAreaFraction = 0.53;

// Which summary numbers the official tool of the data set prints.
enum class SummaryRule {
  kByArea,        // pycocotools: 10 numbers; AP and AR for all, medium and large persons
  kByCrowdIndex,  // crowdposetools: 11 numbers; AP of easy, medium and hard images
};

// Keypoints of one pose at most: the largest published layout, COCO-WholeBody, has 133.
inline constexpr int kMaxKeypoints = 256;

// Images that belong together, and where they lie below the root of the data set.
struct DatasetSplit {
  std::string name;         // "train"
  std::string annotations;  // file
  std::string images;       // folder
};

struct KeypointDataset {
  std::string name;  // "coco"

  std::vector<std::string> names;  // one a keypoint
  // One a keypoint. OKS counts a keypoint at distance d of a person of area s^2 as exp(-d^2 / (2 s^2 (2 sigma)^2)).
  std::vector<double> sigmas;
  std::vector<std::pair<int, int>> flip_pairs;  // keypoints that change places when an image is mirrored
  std::vector<std::pair<int, int>> skeleton;    // limbs to draw, counted from 0 (COCO's files count from 1)

  AreaRule area_rule = AreaRule::kAnnotated;
  SummaryRule summary_rule = SummaryRule::kByArea;
  // Of kByCrowdIndex: an image is easy below the first, medium below the second, and hard from there on.
  std::array<double, 2> crowd_index_borders = {0.2, 0.8};

  std::vector<DatasetSplit> splits;  // the one that is trained on is called "train"

  int num_keypoints() const { return static_cast<int>(sigmas.size()); }
};

// COCO 2017 person keypoints: 17, from the nose to the ankles.
const KeypointDataset& Coco();

// CrowdPose: 14, shoulders to ankles, then head and neck.
const KeypointDataset& CrowdPose();

// Refuses a description that contradicts itself: 1 to kMaxKeypoints positive sigmas, as many names; indices in range;
// no keypoint in two flip pairs.
absl::Status Validate(const KeypointDataset& dataset);

}  // namespace eval

#endif  // EVAL_KEYPOINT_DATASET_H_
