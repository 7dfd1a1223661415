#include "eval/person_groups.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "eval/error_costs.h"
#include "eval/oks.h"

namespace eval {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Square pixels, low included and high not.
struct SizeRange {
  double low = 0, high = kInfinity;
  bool Has(double area) const { return area >= low && area < high; }
};

bool Counts(const Annotation& annotation) { return !annotation.iscrowd && annotation.num_keypoints != 0; }

int NumVisible(const Annotation& annotation) {
  int count = 0;
  for (size_t i = 2; i < annotation.keypoints.size(); i += 3) count += annotation.keypoints[i] > 0;
  return count;
}

double IntersectionOverUnion(const Box& a, const Box& b) {
  const auto overlap = [&](int axis) {
    return std::max(0.0, std::min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]) - std::max(a[axis], b[axis]));
  };
  const double intersection = overlap(0) * overlap(1);
  const double together = a[2] * a[3] + b[2] * b[3] - intersection;
  return together > 0 ? intersection / together : 0;
}

// How many other persons overlap each annotation. Crowd regions are no persons.
std::vector<int> NumOverlapping(const Dataset& dataset) {
  std::map<std::pair<int64_t, int64_t>, std::vector<int>> scenes;
  for (size_t i = 0; i < dataset.annotations.size(); ++i) {
    const Annotation& annotation = dataset.annotations[i];
    if (!annotation.iscrowd) scenes[{annotation.image_id, annotation.category_id}].push_back(static_cast<int>(i));
  }
  std::vector<int> overlapping(dataset.annotations.size());
  for (const auto& [scene, persons] : scenes) {
    for (const int person : persons) {
      for (const int other : persons) {
        overlapping[person] += person != other && IntersectionOverUnion(dataset.annotations[person].bbox,
                                                                        dataset.annotations[other].bbox) > kOverlapIou;
      }
    }
  }
  return overlapping;
}

// Mean over thresholds and categories of the highest recall; -1 where nobody counts.
double MeanRecall(const std::vector<Ranking>& rankings, int num_thresholds) {
  double sum = 0;
  int count = 0;
  for (const Ranking& ranking : rankings) {
    int64_t num_positives = 0, found = 0;
    for (const int64_t positives : ranking.num_positives[0]) num_positives += positives;
    for (const RankedDetection& detection : ranking.detections) found += __builtin_popcount(detection.found[0]);
    if (num_positives == 0) continue;
    sum += static_cast<double>(found) / static_cast<double>(num_positives * num_thresholds);
    ++count;
  }
  return count == 0 ? -1 : sum / count;
}

class GroupMeter {
 public:
  GroupMeter(const Dataset& dataset, const DetectionTable& detections, EvaluatorOptions options,
             const Diagnosis& diagnosis)
      : dataset_(dataset), detections_(detections), options_(std::move(options)), diagnosis_(diagnosis) {
    options_.details = false;
    options_.ranking = true;
  }

  // `belongs` is asked for positions of annotations that count; `size` says which false detections count, all without.
  absl::StatusOr<PersonGroup> Measure(const std::string& name, const std::function<bool(int)>& belongs,
                                      std::optional<SizeRange> size) const {
    PersonGroup group;
    group.name = name;
    Dataset of_group = dataset_;
    std::vector<bool> is_member(dataset_.annotations.size());
    for (size_t i = 0; i < is_member.size(); ++i) {
      is_member[i] = Counts(dataset_.annotations[i]) && belongs(static_cast<int>(i));
      group.num_persons += is_member[i];
      // the evaluator ignores persons without keypoints
      if (!is_member[i]) of_group.annotations[i].num_keypoints = 0;
    }
    ASSIGN_OR_RETURN(Metrics metrics, EvaluateTable(of_group, detections_, options_));
    if (size.has_value()) DropWrongOutside(*size, &metrics.rankings);
    group.ap = ApOfRankings(metrics.rankings, 0, options_.quirks).ap;
    group.ar = MeanRecall(metrics.rankings, metrics.num_thresholds);
    for (const DiagnosedPerson& person : diagnosis_.persons) {
      if (!is_member[person.annotation]) continue;
      ++group.num_matched;
      for (const DiagnosedKeypoint& keypoint : person.keypoints) ++group.keypoints[static_cast<int>(keypoint.kind)];
    }
    return group;
  }

 private:
  void DropWrongOutside(const SizeRange& size, std::vector<Ranking>* rankings) const {
    for (Ranking& ranking : *rankings) {
      for (RankedDetection& detection : ranking.detections) {
        const double area =
            AreaOfDetection(detections_, detection.detection, options_.dataset.num_keypoints(), options_.quirks);
        // an area that is not a number is of every size, as in the evaluator's ranges
        if (!std::isnan(area) && !size.Has(area)) detection.wrong[0] = 0;
      }
    }
  }

  const Dataset& dataset_;
  const DetectionTable& detections_;
  EvaluatorOptions options_;
  const Diagnosis& diagnosis_;
};

// Ranges of a count: from a first to a last number.
struct CountRange {
  int first, last;
  std::string Name() const {
    return first == last                             ? absl::StrCat(first)
           : last == std::numeric_limits<int>::max() ? absl::StrCat(first, " or more")
                                                     : absl::StrCat(first, " to ", last);
  }
};

absl::StatusOr<PersonGroups> MeasureByCount(const GroupMeter& meter, PersonGroups result,
                                            const std::vector<CountRange>& ranges, const std::vector<int>& counts) {
  for (const CountRange& range : ranges) {
    const auto belongs = [&](int i) { return counts[i] >= range.first && counts[i] <= range.last; };
    ASSIGN_OR_RETURN(PersonGroup group, meter.Measure(range.Name(), belongs, std::nullopt));
    result.groups.push_back(std::move(group));
  }
  return result;
}

absl::StatusOr<PersonGroups> MeasureByVisible(const Dataset& dataset, const KeypointDataset& description,
                                              const GroupMeter& meter) {
  std::vector<int> visible;
  for (const Annotation& annotation : dataset.annotations) visible.push_back(NumVisible(annotation));
  // quarters, rounded up: COCO's 17 are 1 to 5, 6 to 10, 11 to 15 and 16 to 17, as in the paper
  constexpr int kGroups = 4;
  const int all = description.num_keypoints(), step = (all + kGroups - 1) / kGroups;
  std::vector<CountRange> ranges;
  for (int first = 1; first <= all; first += step) ranges.push_back({first, std::min(first + step - 1, all)});
  return MeasureByCount(meter, {"visible keypoints", "visible_keypoints", "Labelled keypoints of the person.", {}},
                        ranges, visible);
}

absl::StatusOr<PersonGroups> MeasureByOverlap(const Dataset& dataset, const GroupMeter& meter) {
  const std::vector<CountRange> ranges = {{0, 0}, {1, 2}, {3, std::numeric_limits<int>::max()}};
  return MeasureByCount(
      meter,
      {"overlapping persons",
       "overlap",
       absl::StrCat("Other persons whose box overlaps the person's (intersection over union above ", kOverlapIou, ")."),
       {}},
      ranges, NumOverlapping(dataset));
}

absl::StatusOr<PersonGroups> MeasureBySize(const Dataset& dataset, const KeypointDataset& description,
                                           const GroupMeter& meter) {
  PersonGroups result = {
      "size", "size", "Area of the person, square pixels; of false detections only those of that size count.", {}};
  const double kBorders[] = {0, 32, 64, 96, 128, kInfinity};
  for (size_t i = 0; i + 1 < std::size(kBorders); ++i) {
    const SizeRange range = {kBorders[i] * kBorders[i], kBorders[i + 1] * kBorders[i + 1]};
    const std::string name = i == 0                         ? "below 32²"
                             : kBorders[i + 1] == kInfinity ? absl::StrCat("from ", kBorders[i], "²")
                                                            : absl::StrCat(kBorders[i], "² to ", kBorders[i + 1], "²");
    const auto belongs = [&](int position) {
      return range.Has(AreaOf(dataset.annotations[position], description.area_rule));
    };
    ASSIGN_OR_RETURN(PersonGroup group, meter.Measure(name, belongs, range));
    result.groups.push_back(std::move(group));
  }
  return result;
}

}  // namespace

absl::StatusOr<std::vector<PersonGroups>> MeasureGroups(const Dataset& dataset, const DetectionTable& detections,
                                                        const EvaluatorOptions& options, const Diagnosis& diagnosis) {
  const GroupMeter meter(dataset, detections, options, diagnosis);
  ASSIGN_OR_RETURN(PersonGroups by_visible, MeasureByVisible(dataset, options.dataset, meter));
  ASSIGN_OR_RETURN(PersonGroups by_overlap, MeasureByOverlap(dataset, meter));
  ASSIGN_OR_RETURN(PersonGroups by_size, MeasureBySize(dataset, options.dataset, meter));
  std::vector<PersonGroups> groups;
  for (PersonGroups* of_kind : {&by_visible, &by_overlap, &by_size}) {
    // a group without anybody says nothing
    auto& all = of_kind->groups;
    all.erase(std::remove_if(all.begin(), all.end(), [](const PersonGroup& group) { return group.num_persons == 0; }),
              all.end());
    groups.push_back(std::move(*of_kind));
  }
  return groups;
}

}  // namespace eval
