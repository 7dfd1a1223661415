#include "eval/matching.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace eval {
namespace {

// A threshold of 1 would miss exact matches whose OKS rounds to below 1 (pycocotools, evaluateImg).
constexpr double kHighestThreshold = 1 - 1e-10;

std::vector<int64_t> SortedUnique(std::vector<int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

// The position of an id in an ascending list, or -1.
int PositionOf(const std::vector<int64_t>& ids, int64_t id) {
  const auto found = std::lower_bound(ids.begin(), ids.end(), id);
  return found != ids.end() && *found == id ? static_cast<int>(found - ids.begin()) : -1;
}

// Sorts items into buckets, keeping their order within one: the items of bucket b are items[begin[b]] to
// items[begin[b + 1]]. Items of bucket -1 are dropped.
struct Buckets {
  std::vector<int> begin, items;
};
Buckets SortIntoBuckets(const std::vector<int>& bucket_of_item, int num_buckets) {
  Buckets buckets;
  buckets.begin.assign(num_buckets + 1, 0);
  for (const int bucket : bucket_of_item) {
    if (bucket >= 0) ++buckets.begin[bucket + 1];
  }
  std::partial_sum(buckets.begin.begin(), buckets.begin.end(), buckets.begin.begin());
  buckets.items.resize(buckets.begin.back());
  std::vector<int> next(buckets.begin.begin(), buckets.begin.end() - 1);
  for (size_t i = 0; i < bucket_of_item.size(); ++i) {
    if (bucket_of_item[i] >= 0) buckets.items[next[bucket_of_item[i]]++] = static_cast<int>(i);
  }
  return buckets;
}

// The bucket of a record: category by category, image by image; -1 where the data set lists one of them not.
class GroupIndex {
 public:
  GroupIndex(const std::vector<int64_t>& image_ids, const std::vector<int64_t>& category_ids)
      : image_ids_(image_ids), category_ids_(category_ids) {}

  int num_images() const { return static_cast<int>(image_ids_.size()); }
  int size() const { return num_images() * static_cast<int>(category_ids_.size()); }

  template <typename Record>
  int Of(const Record& record) const {
    const int image = PositionOf(image_ids_, record.image_id);
    const int category = PositionOf(category_ids_, record.category_id);
    return image < 0 || category < 0 ? -1 : category * num_images() + image;
  }

 private:
  const std::vector<int64_t>& image_ids_;
  const std::vector<int64_t>& category_ids_;
};

// The annotations in the official tool's order. It looks every annotation up by its id, where the last one of an id has
// replaced the others; so these are evaluated in the place of each of their namesakes.
struct OrderedAnnotations {
  std::vector<int> positions;  // in Dataset::annotations
  int num_replaced = 0;
};
OrderedAnnotations OrderAnnotations(const Dataset& dataset, const GroupIndex& index) {
  const int count = static_cast<int>(dataset.annotations.size());
  OrderedAnnotations ordered;
  ordered.positions.resize(count);
  std::iota(ordered.positions.begin(), ordered.positions.end(), 0);
  absl::flat_hash_map<int64_t, int> last_of_id;
  last_of_id.reserve(count);
  for (int i = 0; i < count; ++i) last_of_id[dataset.annotations[i].id] = i;
  if (last_of_id.size() == dataset.annotations.size()) return ordered;

  // replacing happens image by image, which decides the order within a group
  std::vector<int> image_of_annotation(count);
  for (int i = 0; i < count; ++i) {
    const int group = index.Of(dataset.annotations[i]);
    image_of_annotation[i] = group < 0 ? -1 : group % index.num_images();
  }
  ordered.positions = SortIntoBuckets(image_of_annotation, index.num_images()).items;
  for (int& position : ordered.positions) {
    const int last = last_of_id[dataset.annotations[position].id];
    ordered.num_replaced += last != position;
    position = last;
  }
  return ordered;
}

// Of the detections of one group, the best, best first.
void KeepBest(const std::vector<Detection>& detections, std::vector<int>* positions) {
  std::vector<double> scores;
  for (const int position : *positions) scores.push_back(detections[position].score);
  std::vector<int> best;
  for (const int i : OrderByScore(scores)) best.push_back((*positions)[i]);
  if (best.size() > kMaxDetections) best.resize(kMaxDetections);
  *positions = std::move(best);
}

}  // namespace

const std::array<double, kNumThresholds>& OksThresholds() {
  static const std::array<double, kNumThresholds> thresholds = [] {
    std::array<double, kNumThresholds> values;
    const double step = (0.95 - 0.5) / (kNumThresholds - 1);
    for (int i = 0; i < kNumThresholds; ++i) values[i] = i * step + 0.5;
    values.back() = 0.95;
    return values;
  }();
  return thresholds;
}

std::vector<int> OrderByScore(const std::vector<double>& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return scores[a] > scores[b] || (std::isnan(scores[b]) && !std::isnan(scores[a]));
  });
  return order;
}

Grouping MakeGroups(const Dataset& dataset, const std::vector<Detection>& detections) {
  Grouping grouping;
  for (const Image& image : dataset.images) grouping.image_ids.push_back(image.id);
  for (const Category& category : dataset.categories) grouping.category_ids.push_back(category.id);
  grouping.image_ids = SortedUnique(std::move(grouping.image_ids));
  grouping.category_ids = SortedUnique(std::move(grouping.category_ids));
  const GroupIndex index(grouping.image_ids, grouping.category_ids);

  // annotations into groups
  const OrderedAnnotations ordered = OrderAnnotations(dataset, index);
  if (ordered.num_replaced > 0) {
    grouping.warnings.push_back(
        absl::StrCat(ordered.num_replaced, " annotations have the id of a later one and are replaced by it"));
  }
  std::vector<int> group_of_annotation;
  for (const int position : ordered.positions) group_of_annotation.push_back(index.Of(dataset.annotations[position]));
  const Buckets annotations = SortIntoBuckets(group_of_annotation, index.size());

  // detections into groups
  std::vector<int> group_of_detection;
  for (const Detection& detection : detections) group_of_detection.push_back(index.Of(detection));
  const Buckets detected = SortIntoBuckets(group_of_detection, index.size());

  for (int g = 0; g < index.size(); ++g) {
    Group group;
    group.image = g % index.num_images();
    group.category = g / index.num_images();
    group.first_annotation = static_cast<int>(grouping.annotations.size());
    group.first_detection = static_cast<int>(grouping.detections.size());
    for (int i = annotations.begin[g]; i < annotations.begin[g + 1]; ++i) {
      grouping.annotations.push_back(ordered.positions[annotations.items[i]]);
    }
    std::vector<int> best(detected.items.begin() + detected.begin[g], detected.items.begin() + detected.begin[g + 1]);
    KeepBest(detections, &best);
    grouping.detections.insert(grouping.detections.end(), best.begin(), best.end());
    group.num_annotations = static_cast<int>(grouping.annotations.size()) - group.first_annotation;
    group.num_detections = static_cast<int>(grouping.detections.size()) - group.first_detection;
    if (group.num_annotations > 0 || group.num_detections > 0) grouping.groups.push_back(group);
  }
  return grouping;
}

void ComputeOks(const Grouping& grouping, const Group& group, const Dataset& dataset,
                const std::vector<Detection>& detections, const Oks& oks, AreaRule area_rule,
                std::vector<double>* similarities) {
  similarities->resize(static_cast<size_t>(group.num_detections) * group.num_annotations);
  for (int j = 0; j < group.num_annotations; ++j) {
    const Annotation& annotation = dataset.annotations[grouping.annotations[group.first_annotation + j]];
    const OksTarget target = {annotation.keypoints.data(), annotation.bbox, AreaOf(annotation, area_rule)};
    for (int i = 0; i < group.num_detections; ++i) {
      const Detection& detection = detections[grouping.detections[group.first_detection + i]];
      (*similarities)[i * group.num_annotations + j] = oks(detection.keypoints.data(), target);
    }
  }
}

std::vector<MatchTarget> OrderTargets(const Grouping& grouping, const Group& group, const Dataset& dataset,
                                      AreaRule area_rule, const AreaRange& range) {
  std::vector<MatchTarget> targets;
  targets.reserve(group.num_annotations);
  for (int j = 0; j < group.num_annotations; ++j) {
    const Annotation& annotation = dataset.annotations[grouping.annotations[group.first_annotation + j]];
    const double area = AreaOf(annotation, area_rule);
    const bool ignored = annotation.iscrowd || annotation.num_keypoints == 0 || area < range.low || area > range.high;
    targets.push_back({j, ignored, annotation.iscrowd});
  }
  std::stable_partition(targets.begin(), targets.end(), [](const MatchTarget& target) { return !target.ignored; });
  return targets;
}

void MatchGroup(const std::vector<MatchTarget>& targets, const std::vector<double>& similarities, int num_detections,
                double threshold, int* matches) {
  const int num_targets = static_cast<int>(targets.size());
  std::vector<bool> taken(num_targets);
  for (int i = 0; i < num_detections; ++i) {
    double best = std::min(threshold, kHighestThreshold);
    int match = -1;
    for (int j = 0; j < num_targets; ++j) {
      if (taken[j] && !targets[j].crowd) continue;
      // ignored ones come last, and a real match is better than any of them
      if (match >= 0 && !targets[match].ignored && targets[j].ignored) break;
      const double similarity = similarities[i * num_targets + targets[j].position];
      // not the same as >=: a NaN counts as a match, as in the official tool
      if (similarity < best) continue;
      best = similarity;
      match = j;
    }
    if (match >= 0) taken[match] = true;
    matches[i] = match;
  }
}

}  // namespace eval
