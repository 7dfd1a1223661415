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
#include "eval/detection_table.h"
#include "eval/keypoint_dataset.h"
#include "eval/oks.h"
#include "eval/quirks.h"

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

// Whether an area is outside a range. NaN is in all of them.
bool IsOutside(double area, const AreaRange& range, const Quirks& quirks);

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

  // All detections of an image, those of other categories and those beyond the best included: one number an image.
  std::vector<int64_t> num_detections;
  // The first detection of an image that the data set does not list, or -1.
  int64_t unknown_image = -1;

  std::vector<std::string> warnings;  // what the files have that hardly anybody means
};

// Annotations and detections of categories that the data set does not list are left out, as are annotations of images
// that it does not list.
Grouping MakeGroups(const Dataset& dataset, const DetectionTable& table, const Quirks& quirks = {}, int threads = 1);

// The similarities of the groups, one group after the other; each thread needs one of these.
class GroupOks {
 public:
  GroupOks(const Dataset& dataset, const DetectionTable& table, const Grouping& grouping, const Oks& oks,
           AreaRule area_rule)
      : dataset_(dataset), table_(table), grouping_(grouping), oks_(oks), area_rule_(area_rule) {}

  // The OKS of every pair of a group, [detections, annotations] in the grouping's order; empty where either is missing.
  const std::vector<double>& All(const Group& group);

  // The same as far as matching can tell: pairs that are surely below the lowest threshold have 0, unless a NaN stands
  // in their row, where matching looks at every number. `may_match` has one flag a detection: whether anybody is left.
  const std::vector<double>& Relevant(const Group& group, std::vector<bool>* may_match);

 private:
  double Exact(const Group& group, int detection, int annotation) const;

  const Dataset& dataset_;
  const DetectionTable& table_;
  const Grouping& grouping_;
  const Oks& oks_;
  const AreaRule area_rule_;
  std::vector<OksBound> bounds_;  // an annotation each
  OksBound::Pose pose_;
  std::vector<double> similarities_;
};

// What an annotation is to one group and one area range.
struct MatchTarget {
  int position = 0;      // of the annotation in the group, file order
  bool ignored = false;  // neither to be found nor wrong to be found
  bool crowd = false;    // may be matched many times
};

// The annotations of a group in the order of matching: file order, ignored ones last.
std::vector<MatchTarget> OrderTargets(const Grouping& grouping, const Group& group, const Dataset& dataset,
                                      AreaRule area_rule, const AreaRange& range, const Quirks& quirks = {});

// Matches detections, best first, with the free target of the highest OKS that is at least `threshold`; an ignored
// target only where no other fits. Writes for each detection the index in `targets`, or -1.
void MatchGroup(const std::vector<MatchTarget>& targets, const std::vector<double>& similarities, int num_detections,
                double threshold, int* matches);

}  // namespace eval

#endif  // EVAL_MATCHING_H_
