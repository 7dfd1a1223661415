// The first half of the evaluation: which detections are compared with which annotations, and who is matched with whom.
//
// Everything lies in flat arrays, grouped by category and image; groups do not know each other.
#ifndef EVAL_MATCHING_H_
#define EVAL_MATCHING_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"
#include "eval/oks.h"

namespace eval {

// Of an image and category, the best so many detections count (pycocotools, setKpParams).
inline constexpr int kMaxDetections = 20;

inline constexpr int kNumThresholds = 10;
// OKS from which a detection counts as correct: 0.5 to 0.95, with numpy.linspace's last bits.
const std::array<double, kNumThresholds>& OksThresholds();

// Square pixels; a person belongs to a range if low <= area <= high, so one of exactly 96^2 is medium and large.
struct AreaRange {
  const char* label;
  double low, high;
};
inline constexpr int kNumAreas = 3;
inline constexpr AreaRange kAreaRanges[kNumAreas] = {
    {"all", 0, 1e10}, {"medium", 32 * 32, 96 * 96}, {"large", 96 * 96, 1e10}};

// One category in one image. The ranges are of the arrays of Grouping.
struct Group {
  int image = 0, category = 0;  // positions in image_ids and category_ids
  int first_annotation = 0, num_annotations = 0;
  int first_detection = 0, num_detections = 0;
};

struct Grouping {
  std::vector<int64_t> image_ids, category_ids;  // ascending, each once
  std::vector<Group> groups;  // by category, then by image; those with neither annotations nor detections are left out

  // by group, in file order: positions in Dataset::annotations
  std::vector<int> annotations;
  // by group, best score first, at most kMaxDetections a group: positions in the list of detections
  std::vector<int> detections;

  std::vector<std::string> warnings;  // what the files have that hardly anybody means
};

// Annotations and detections of categories that the data set does not list are left out, as are annotations of images
// that it does not list.
Grouping MakeGroups(const Dataset& dataset, const std::vector<Detection>& detections);

// Positions in order of falling score: stable, NaN last.
std::vector<int> OrderByScore(const std::vector<double>& scores);

// The OKS of every pair of a group, [detections, annotations] in the grouping's order; empty where either is missing.
void ComputeOks(const Grouping& grouping, const Group& group, const Dataset& dataset,
                const std::vector<Detection>& detections, const Oks& oks, AreaRule area_rule,
                std::vector<double>* similarities);

// What an annotation is to one group and one area range.
struct MatchTarget {
  int position = 0;      // of the annotation in the group, file order
  bool ignored = false;  // neither to be found nor wrong to be found
  bool crowd = false;    // may be matched many times
};

// The annotations of a group in the order of matching: file order, ignored ones last.
std::vector<MatchTarget> OrderTargets(const Grouping& grouping, const Group& group, const Dataset& dataset,
                                      AreaRule area_rule, const AreaRange& range);

// Matches detections, best first, with the free target of the highest OKS that is at least `threshold`; an ignored
// target only where no other fits. Writes for each detection the index in `targets`, or -1.
void MatchGroup(const std::vector<MatchTarget>& targets, const std::vector<double>& similarities, int num_detections,
                double threshold, int* matches);

}  // namespace eval

#endif  // EVAL_MATCHING_H_
