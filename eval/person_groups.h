// AP of some of the persons: by how many keypoints are visible, how many others overlap, and size. The groups are those
// of Ronchi and Perona (ICCV 2017, section 4.3 and the public code), as far as the data set's keypoints allow.
#ifndef EVAL_PERSON_GROUPS_H_
#define EVAL_PERSON_GROUPS_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/diagnosis.h"
#include "eval/evaluator.h"

namespace eval {

// Two persons overlap from this intersection over union of their boxes on.
inline constexpr double kOverlapIou = 0.1;

struct PersonGroup {
  std::string name;     // "6 to 10"
  int num_persons = 0;  // who count
  double ap = -1, ar = -1;
  int num_matched = 0;                                // persons with a detection (Diagnosis::persons)
  std::array<int, kNumKeypointKinds> keypoints = {};  // of those, by kind
};

struct PersonGroups {
  std::string name;        // "visible keypoints"
  std::string json_name;   // "visible_keypoints"
  std::string definition;  // one line
  std::vector<PersonGroup> groups;
};

// Who is not of the group counts as ignored: neither to be found nor wrong to be found. Detections that find nobody are
// wrong in every group, save in those of size: there only detections of that size are, as for APm and APl. Who counts
// at all is what num_keypoints says (Quirks::num_keypoints_decides_who_counts).
absl::StatusOr<std::vector<PersonGroups>> MeasureGroups(const Dataset& dataset, const DetectionTable& detections,
                                                        const EvaluatorOptions& options, const Diagnosis& diagnosis);

}  // namespace eval

#endif  // EVAL_PERSON_GROUPS_H_
