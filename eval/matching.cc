#include "eval/matching.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/parallel.h"
#include "eval/score_order.h"

namespace eval {
namespace {

// A threshold of 1 would miss exact matches whose OKS rounds to below 1 (pycocotools, evaluateImg).
constexpr double kHighestThreshold = 1 - 1e-10;

std::vector<int64_t> SortedUnique(std::vector<int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
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

// Positions of ids in a list.
class Positions {
 public:
  explicit Positions(const std::vector<int64_t>& ids) {
    positions_.reserve(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) positions_[ids[i]] = static_cast<int>(i);
  }

  // -1 where the list has it not.
  int Of(int64_t id) const {
    const auto found = positions_.find(id);
    return found == positions_.end() ? -1 : found->second;
  }

 private:
  absl::flat_hash_map<int64_t, int> positions_;
};

// The bucket of a record: category by category, image by image.
class GroupIndex {
 public:
  GroupIndex(const std::vector<int64_t>& image_ids, const std::vector<int64_t>& category_ids)
      : images_(image_ids),
        categories_(category_ids),
        num_images_(static_cast<int>(image_ids.size())),
        size_(num_images_ * static_cast<int>(category_ids.size())) {}

  int num_images() const { return num_images_; }
  int size() const { return size_; }

  int ImageOf(int64_t id) const { return images_.Of(id); }
  // -1 where one of them is not listed; `image` is a position.
  int Of(int image, int64_t category_id) const {
    const int category = categories_.Of(category_id);
    return image < 0 || category < 0 ? -1 : category * num_images_ + image;
  }
  int Of(const Annotation& annotation) const { return Of(ImageOf(annotation.image_id), annotation.category_id); }

 private:
  const Positions images_, categories_;
  const int num_images_, size_;
};

// The annotations in the official tool's order. It looks every annotation up by its id, where the last one of an id has
// replaced the others; so these are evaluated in the place of each of their namesakes.
struct OrderedAnnotations {
  std::vector<int> positions;  // in Dataset::annotations
  int num_replaced = 0;
};
OrderedAnnotations OrderAnnotations(const Dataset& dataset, const GroupIndex& index, const Quirks& quirks) {
  const int count = static_cast<int>(dataset.annotations.size());
  OrderedAnnotations ordered;
  ordered.positions.resize(count);
  std::iota(ordered.positions.begin(), ordered.positions.end(), 0);
  if (!quirks.last_annotation_of_an_id_replaces_the_others) return ordered;
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

// The group of every detection.
std::vector<int> GroupDetections(const std::vector<DetectionRow>& rows, const GroupIndex& index, int threads,
                                 Grouping* grouping) {
  // long enough that handing it out costs nothing
  constexpr int64_t kChunk = 8192;
  const int64_t count = static_cast<int64_t>(rows.size());
  std::vector<int> groups(count), images(count);
  base::ParallelFor(threads, (count + kChunk - 1) / kChunk, [&](int64_t chunk) {
    // detections of an image usually follow each other
    int64_t image_id = 0, category_id = 0;
    int image = -1, group = -1;
    bool first = true;
    for (int64_t i = chunk * kChunk; i < std::min(count, (chunk + 1) * kChunk); ++i) {
      const DetectionRow& row = rows[i];
      if (first || row.image_id != image_id || row.category_id != category_id) {
        image_id = row.image_id;
        category_id = row.category_id;
        image = index.ImageOf(image_id);
        group = index.Of(image, category_id);
        first = false;
      }
      images[i] = image;
      groups[i] = group;
    }
  });
  grouping->num_detections.resize(index.num_images());
  for (int64_t i = 0; i < count; ++i) {
    if (images[i] >= 0) {
      ++grouping->num_detections[images[i]];
    } else if (grouping->unknown_image < 0) {
      grouping->unknown_image = i;
    }
  }
  return groups;
}

// Writes the best of the detections `begin` to `end`, best first, to `out`.
void WriteBest(const std::vector<DetectionRow>& rows, const int* begin, const int* end, std::vector<ScoredItem>* items,
               int* out) {
  items->clear();
  for (const int* position = begin; position < end; ++position) {
    items->push_back({RankOfScore(rows[*position].score), *position});
  }
  KeepBest(kMaxDetections, items);
  for (const ScoredItem& item : *items) *out++ = item.item;
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

bool IsOutside(double area, const AreaRange& range, const Quirks& quirks) {
  if (area < range.low || area > range.high) return true;
  return !quirks.borders_belong_to_both_areas && area == range.high && range.high != kAreaRanges[0].high;
}

Grouping MakeGroups(const Dataset& dataset, const DetectionTable& table, const Quirks& quirks, int threads) {
  Grouping grouping;
  for (const Image& image : dataset.images) grouping.image_ids.push_back(image.id);
  for (const Category& category : dataset.categories) grouping.category_ids.push_back(category.id);
  grouping.image_ids = SortedUnique(std::move(grouping.image_ids));
  grouping.category_ids = SortedUnique(std::move(grouping.category_ids));
  const GroupIndex index(grouping.image_ids, grouping.category_ids);

  // annotations into groups
  const OrderedAnnotations ordered = OrderAnnotations(dataset, index, quirks);
  if (ordered.num_replaced > 0) {
    grouping.warnings.push_back(
        absl::StrCat(ordered.num_replaced, " annotations have the id of a later one and are replaced by it"));
  }
  std::vector<int> group_of_annotation;
  group_of_annotation.reserve(ordered.positions.size());
  for (const int position : ordered.positions) group_of_annotation.push_back(index.Of(dataset.annotations[position]));
  const Buckets annotations = SortIntoBuckets(group_of_annotation, index.size());

  // detections into groups
  const Buckets detected = SortIntoBuckets(GroupDetections(table.rows, index, threads, &grouping), index.size());

  // what each group has of the flat arrays
  int num_kept = 0;
  for (int g = 0; g < index.size(); ++g) {
    Group group;
    group.image = g % index.num_images();
    group.category = g / index.num_images();
    group.first_annotation = static_cast<int>(grouping.annotations.size());
    group.num_annotations = annotations.begin[g + 1] - annotations.begin[g];
    group.first_detection = num_kept;
    group.num_detections = std::min(kMaxDetections, detected.begin[g + 1] - detected.begin[g]);
    if (group.num_annotations == 0 && group.num_detections == 0) continue;
    for (int i = annotations.begin[g]; i < annotations.begin[g + 1]; ++i) {
      grouping.annotations.push_back(ordered.positions[annotations.items[i]]);
    }
    num_kept += group.num_detections;
    grouping.groups.push_back(group);
  }

  // the best detections of each
  constexpr int64_t kChunk = 64;
  const int64_t num_groups = static_cast<int64_t>(grouping.groups.size());
  grouping.detections.resize(num_kept);
  base::ParallelFor(threads, (num_groups + kChunk - 1) / kChunk, [&](int64_t chunk) {
    std::vector<ScoredItem> items;
    for (int64_t i = chunk * kChunk; i < std::min(num_groups, (chunk + 1) * kChunk); ++i) {
      const Group& group = grouping.groups[i];
      const int bucket = group.category * index.num_images() + group.image;
      WriteBest(table.rows, detected.items.data() + detected.begin[bucket],
                detected.items.data() + detected.begin[bucket + 1], &items,
                grouping.detections.data() + group.first_detection);
    }
  });
  return grouping;
}

double GroupOks::Exact(const Group& group, int detection, int annotation) const {
  const Annotation& annotated = dataset_.annotations[grouping_.annotations[group.first_annotation + annotation]];
  const DetectionRow& row = table_.rows[grouping_.detections[group.first_detection + detection]];
  return oks_(row.keypoints, {annotated.keypoints.data(), annotated.bbox, AreaOf(annotated, area_rule_)},
              table_.stride);
}

const std::vector<double>& GroupOks::All(const Group& group) {
  similarities_.resize(static_cast<size_t>(group.num_detections) * group.num_annotations);
  for (int i = 0; i < group.num_detections; ++i) {
    for (int j = 0; j < group.num_annotations; ++j) similarities_[i * group.num_annotations + j] = Exact(group, i, j);
  }
  return similarities_;
}

const std::vector<double>& GroupOks::Relevant(const Group& group, std::vector<bool>* may_match) {
  may_match->assign(group.num_detections, false);
  similarities_.assign(static_cast<size_t>(group.num_detections) * group.num_annotations, 0);
  if (similarities_.empty()) return similarities_;
  bounds_.resize(group.num_annotations);
  for (int j = 0; j < group.num_annotations; ++j) {
    const Annotation& annotated = dataset_.annotations[grouping_.annotations[group.first_annotation + j]];
    bounds_[j].Set(oks_, {annotated.keypoints.data(), annotated.bbox, AreaOf(annotated, area_rule_)});
  }
  const double lowest = OksThresholds().front();
  for (int i = 0; i < group.num_detections; ++i) {
    double* const row = similarities_.data() + i * group.num_annotations;
    pose_.Set(oks_, table_.rows[grouping_.detections[group.first_detection + i]].keypoints, table_.stride);
    bool has_nan = false;
    for (int j = 0; j < group.num_annotations; ++j) {
      if (bounds_[j].IsBelow(pose_, lowest)) continue;
      row[j] = Exact(group, i, j);
      has_nan |= std::isnan(row[j]);
      // not the same as >=: a NaN may match
      if (!(row[j] < lowest)) (*may_match)[i] = true;
    }
    // after a NaN anything matches that the next is not above
    for (int j = 0; has_nan && j < group.num_annotations; ++j) row[j] = Exact(group, i, j);
  }
  return similarities_;
}

std::vector<MatchTarget> OrderTargets(const Grouping& grouping, const Group& group, const Dataset& dataset,
                                      AreaRule area_rule, const AreaRange& range, const Quirks& quirks) {
  std::vector<MatchTarget> targets;
  targets.reserve(group.num_annotations);
  for (int j = 0; j < group.num_annotations; ++j) {
    const Annotation& annotation = dataset.annotations[grouping.annotations[group.first_annotation + j]];
    const double area = AreaOf(annotation, area_rule);
    const bool has_keypoints =
        quirks.num_keypoints_decides_who_counts ? annotation.num_keypoints != 0 : NumLabelled(annotation) > 0;
    const bool ignored = annotation.iscrowd || !has_keypoints || IsOutside(area, range, quirks);
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
