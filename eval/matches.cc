#include "eval/matches.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/matching.h"
#include "eval/oks.h"

namespace eval {
namespace {

static_assert(kNumAreaLabels == kNumAreas);

// Positions of OKS 0.5 and 0.75 among the thresholds.
constexpr int kThreshold50 = 0, kThreshold75 = 5;
constexpr uint16_t kEveryThreshold = (1 << kNumThresholds) - 1;

absl::Status CheckDataset(const Dataset& dataset, const EvaluatorOptions& options) {
  const KeypointDataset& description = options.dataset;
  for (size_t i = 0; i < dataset.annotations.size(); ++i) {
    const Annotation& annotation = dataset.annotations[i];
    const auto where = [&] {
      return absl::StrCat(options.annotations_name, ": annotations[", i, "] (id ", annotation.id, "): ");
    };
    if (annotation.keypoints.size() != 3u * description.num_keypoints()) {
      return absl::InvalidArgumentError(absl::StrCat(where(), "expected ", 3 * description.num_keypoints(),
                                                     " numbers in keypoints (", description.name, "), found ",
                                                     annotation.keypoints.size()));
    }
    if (description.area_rule == AreaRule::kAnnotated && !annotation.area.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(where(), "has no 'area'"));
    }
  }
  if (description.summary_rule != SummaryRule::kByCrowdIndex) return absl::OkStatus();
  for (size_t i = 0; i < dataset.images.size(); ++i) {
    if (dataset.images[i].crowd_index.has_value()) continue;
    return absl::InvalidArgumentError(absl::StrCat(options.annotations_name, ": images[", i, "] (id ",
                                                   dataset.images[i].id, "): has no 'crowdIndex'"));
  }
  return absl::OkStatus();
}

absl::Status CheckDetections(const Grouping& grouping, const DetectionTable& table, const EvaluatorOptions& options) {
  const auto where = [&](size_t i) {
    return absl::StrCat(options.detections_name, ": detections[", i, "] (image ", table.rows[i].image_id, "): ");
  };
  if (grouping.unknown_image >= 0) {
    const size_t i = grouping.unknown_image;
    return absl::InvalidArgumentError(absl::StrCat(options.detections_name, ": detections[", i, "]: image ",
                                                   table.rows[i].image_id, " is not among the ",
                                                   grouping.image_ids.size(), " images of ", options.annotations_name));
  }
  const bool needs_bbox =
      options.quirks.first_detection_decides_about_boxes && !table.rows.empty() && table.rows.front().has_bbox;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (needs_bbox && !table.rows[i].has_bbox) {
      return absl::InvalidArgumentError(absl::StrCat(
          where(i), "has no 'bbox'; expected one, since detections[0] has one (the official tool: KeyError: 'bbox')"));
    }
    if (!options.quirks.nan_score_ranks_last && std::isnan(table.rows[i].score)) {
      return absl::InvalidArgumentError(absl::StrCat(where(i), "the score is NaN"));
    }
  }
  return absl::OkStatus();
}

// Marks the images of a share, and refuses detections elsewhere.
absl::StatusOr<std::vector<uint8_t>> MarkShare(const Grouping& grouping, const DetectionTable& table,
                                               const EvaluatorOptions& options,
                                               const std::optional<std::vector<int64_t>>& image_ids) {
  std::vector<uint8_t> marks(grouping.image_ids.size(), !image_ids.has_value());
  if (!image_ids.has_value()) return marks;
  const auto position = [&](int64_t id) {
    const auto found = std::lower_bound(grouping.image_ids.begin(), grouping.image_ids.end(), id);
    return found != grouping.image_ids.end() && *found == id ? found - grouping.image_ids.begin() : -1;
  };
  for (const int64_t id : *image_ids) {
    if (position(id) < 0) {
      return absl::InvalidArgumentError(absl::StrCat("image ", id, " of the share is not among the ",
                                                     grouping.image_ids.size(), " images of ",
                                                     options.annotations_name));
    }
    marks[position(id)] = 1;
  }
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (marks[position(table.rows[i].image_id)] != 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(options.detections_name, ": detections[", i, "]: image ",
                                                   table.rows[i].image_id, " is not in the share of ",
                                                   image_ids->size(), " images"));
  }
  return marks;
}

std::vector<uint8_t> Difficulties(const Dataset& dataset, const std::vector<int64_t>& image_ids,
                                  const KeypointDataset& description) {
  if (description.summary_rule != SummaryRule::kByCrowdIndex) return {};
  std::vector<uint8_t> difficulties(image_ids.size());
  const auto [medium, hard] = description.crowd_index_borders;
  for (const Image& image : dataset.images) {
    const int difficulty = *image.crowd_index < medium ? 0 : *image.crowd_index < hard ? 1 : 2;
    difficulties[std::lower_bound(image_ids.begin(), image_ids.end(), image.id) - image_ids.begin()] |= 1 << difficulty;
  }
  return difficulties;
}

// Matches all groups; every group writes what is its own.
class Matcher {
 public:
  Matcher(const Dataset& dataset, const DetectionTable& table, const EvaluatorOptions& options,
          const Grouping& grouping)
      : dataset_(dataset), table_(table), options_(options), grouping_(grouping), oks_(options.dataset) {}

  // Writes into matches->categories, which have all their places, and matches->per_image.
  void Run(const std::vector<int>& first_of_category, Matches* matches) {
    first_of_category_ = &first_of_category;
    matches_ = matches;
    constexpr int64_t kChunk = 32;
    const int64_t count = static_cast<int64_t>(grouping_.groups.size());
    if (options_.details) matches->per_image.resize(count);
    base::ParallelFor(options_.threads, (count + kChunk - 1) / kChunk, [&](int64_t chunk) {
      GroupOks similarities(dataset_, table_, grouping_, oks_, options_.dataset.area_rule);
      Scratch scratch;
      for (int64_t g = chunk * kChunk; g < std::min(count, (chunk + 1) * kChunk); ++g) {
        MatchOne(g, &similarities, &scratch);
      }
    });
  }

 private:
  struct Scratch {
    std::vector<bool> may_match;
    std::vector<int> candidates;       // detections that may match
    std::vector<double> similarities;  // theirs
  };

  const DetectionRow& RowOf(const Group& group, int detection) const {
    return table_.rows[grouping_.detections[group.first_detection + detection]];
  }

  const Annotation& AnnotationOf(const Group& group, int position) const {
    return dataset_.annotations[grouping_.annotations[group.first_annotation + position]];
  }

  void MatchOne(int64_t g, GroupOks* oks, Scratch* scratch) {
    const Group& group = grouping_.groups[g];
    if (options_.details) matches_->per_image[g].oks = oks->All(group);
    const std::vector<double>& relevant = oks->Relevant(group, &scratch->may_match);
    TakeCandidates(group, relevant, scratch);

    Matches::Category& category = matches_->categories[group.category];
    RankedDetection* const fates =
        category.detections.data() + (group.first_detection - (*first_of_category_)[group.category]);
    for (int i = 0; i < group.num_detections; ++i) {
      fates[i].image = group.image;
      fates[i].detection = grouping_.detections[group.first_detection + i];
      fates[i].score = RowOf(group, i).score;
      // wrong, unless it is of another size or finds somebody
      const double size =
          AreaOfDetection(table_, fates[i].detection, options_.dataset.num_keypoints(), options_.quirks);
      for (int area = 0; area < kNumAreas; ++area) {
        fates[i].wrong[area] = IsOutside(size, kAreaRanges[area], options_.quirks) ? 0 : kEveryThreshold;
      }
    }
    for (int area = 0; area < kNumAreas; ++area) {
      const std::vector<MatchTarget> targets =
          OrderTargets(grouping_, group, dataset_, options_.dataset.area_rule, kAreaRanges[area], options_.quirks);
      int64_t num_positives = 0;
      for (const MatchTarget& target : targets) num_positives += !target.ignored;
      category.num_positives[area][group.image] = num_positives;
      DecideFates(group, targets, *scratch, area, fates);
      if (area == 0 && options_.details) AddDetails(group, targets, *scratch, fates, &matches_->per_image[g]);
    }
  }

  // The rows of the detections that may match anybody.
  void TakeCandidates(const Group& group, const std::vector<double>& similarities, Scratch* scratch) const {
    scratch->candidates.clear();
    scratch->similarities.clear();
    for (int i = 0; i < group.num_detections; ++i) {
      if (!scratch->may_match[i]) continue;
      scratch->candidates.push_back(i);
      const auto row = similarities.begin() + i * group.num_annotations;
      scratch->similarities.insert(scratch->similarities.end(), row, row + group.num_annotations);
    }
    if (options_.quirks.nan_similarity_matches) return;
    for (double& similarity : scratch->similarities) {
      if (std::isnan(similarity)) similarity = -1;
    }
  }

  void DecideFates(const Group& group, const std::vector<MatchTarget>& targets, const Scratch& scratch, int area,
                   RankedDetection* fates) const {
    const int num_candidates = static_cast<int>(scratch.candidates.size());
    int matches[kMaxDetections];
    for (int t = 0; num_candidates > 0 && t < kNumThresholds; ++t) {
      MatchGroup(targets, scratch.similarities, num_candidates, OksThresholds()[t], matches);
      const uint16_t bit = 1 << t;
      for (int i = 0; i < num_candidates; ++i) {
        if (matches[i] < 0) continue;
        const MatchTarget& target = targets[matches[i]];
        RankedDetection& fate = fates[scratch.candidates[i]];
        // the official tool stores the id of the match, and 0 for none: a match with an annotation of id 0 is none
        const bool is_none =
            options_.quirks.annotation_zero_cannot_be_found && AnnotationOf(group, target.position).id == 0;
        if (target.ignored) {
          fate.wrong[area] &= ~bit;
        } else if (!is_none) {
          fate.wrong[area] &= ~bit;
          fate.found[area] |= bit;
        }
      }
    }
  }

  void AddDetails(const Group& group, const std::vector<MatchTarget>& targets, const Scratch& scratch,
                  const RankedDetection* fates, ImageDetails* details) const {
    details->image_id = grouping_.image_ids[group.image];
    details->category_id = grouping_.category_ids[group.category];
    for (const MatchTarget& target : targets) {
      details->annotation_ids.push_back(AnnotationOf(group, target.position).id);
      details->annotation_positions.push_back(grouping_.annotations[group.first_annotation + target.position]);
      details->annotation_ignored.push_back(target.ignored);
    }
    for (int i = 0; i < group.num_detections; ++i) {
      details->detection_ids.push_back(fates[i].detection + 1);
      details->scores.push_back(fates[i].score);
      details->detection_ignored_50.push_back(((fates[i].found[0] | fates[i].wrong[0]) & 1 << kThreshold50) == 0);
    }
    int matches[kMaxDetections];
    for (const auto& [threshold, ids] :
         {std::make_pair(kThreshold50, &details->matches_50), std::make_pair(kThreshold75, &details->matches_75)}) {
      ids->assign(group.num_detections, 0);
      const int num_candidates = static_cast<int>(scratch.candidates.size());
      MatchGroup(targets, scratch.similarities, num_candidates, OksThresholds()[threshold], matches);
      for (int i = 0; i < num_candidates; ++i) {
        if (matches[i] >= 0) (*ids)[scratch.candidates[i]] = AnnotationOf(group, targets[matches[i]].position).id;
      }
    }
  }

  const Dataset& dataset_;
  const DetectionTable& table_;
  const EvaluatorOptions& options_;
  const Grouping& grouping_;
  const Oks oks_;
  const std::vector<int>* first_of_category_ = nullptr;
  Matches* matches_ = nullptr;
};

// An annotation of id 0 can be found and yet not counted.
void WarnOfIdZero(const Dataset& dataset, std::vector<std::string>* warnings) {
  for (size_t i = 0; i < dataset.annotations.size(); ++i) {
    if (dataset.annotations[i].id != 0) continue;
    warnings->push_back(absl::StrCat("annotations[", i,
                                     "] has id 0: who finds it counts as a false positive, as in the official tool"));
  }
}

}  // namespace

absl::StatusOr<Matches> MatchTable(const Dataset& dataset, const DetectionTable& table, const EvaluatorOptions& options,
                                   const std::optional<std::vector<int64_t>>& image_ids) {
  RETURN_IF_ERROR(Validate(options.dataset));
  RETURN_IF_ERROR(CheckDataset(dataset, options));
  Grouping grouping = MakeGroups(dataset, table, options.quirks, options.threads);
  RETURN_IF_ERROR(CheckDetections(grouping, table, options));
  Matches matches;
  ASSIGN_OR_RETURN(matches.evaluated, MarkShare(grouping, table, options, image_ids));
  // other processes look at the other groups
  auto& groups = grouping.groups;
  groups.erase(std::remove_if(groups.begin(), groups.end(),
                              [&](const Group& group) { return matches.evaluated[group.image] == 0; }),
               groups.end());

  const size_t num_categories = grouping.category_ids.size();
  std::vector<int> first_of_category(num_categories + 1, 0);
  for (const Group& group : groups) first_of_category[group.category + 1] += group.num_detections;
  matches.categories.resize(num_categories);
  for (size_t k = 0; k < num_categories; ++k) {
    matches.categories[k].detections.resize(first_of_category[k + 1]);
    for (std::vector<int64_t>& counts : matches.categories[k].num_positives) counts.resize(grouping.image_ids.size());
    first_of_category[k + 1] += first_of_category[k];
  }
  Matcher(dataset, table, options, grouping).Run(first_of_category, &matches);

  matches.difficulties = Difficulties(dataset, grouping.image_ids, options.dataset);
  matches.num_annotations = static_cast<int64_t>(dataset.annotations.size());
  if (options.quirks.first_detection_decides_about_boxes && !table.rows.empty()) {
    matches.area_source = table.rows.front().has_bbox ? Matches::AreaSource::kBoxes : Matches::AreaSource::kKeypoints;
  }
  matches.image_ids = std::move(grouping.image_ids);
  matches.category_ids = std::move(grouping.category_ids);
  matches.num_detections = std::move(grouping.num_detections);
  matches.warnings = std::move(grouping.warnings);
  if (options.quirks.annotation_zero_cannot_be_found) WarnOfIdZero(dataset, &matches.warnings);
  return matches;
}

absl::StatusOr<DetectionTable> CheckedTableOf(const std::vector<Detection>& detections,
                                              const EvaluatorOptions& options) {
  RETURN_IF_ERROR(Validate(options.dataset));
  const size_t expected = 3 * options.dataset.num_keypoints();
  for (size_t i = 0; i < detections.size(); ++i) {
    if (detections[i].keypoints.size() == expected) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        options.detections_name, ": detections[", i, "] (image ", detections[i].image_id, "): expected ", expected,
        " numbers in keypoints (", options.dataset.name, "), found ", detections[i].keypoints.size()));
  }
  return TableOf(detections);
}

absl::StatusOr<Matches> MatchImages(const Dataset& dataset, const std::vector<Detection>& detections,
                                    const EvaluatorOptions& options,
                                    const std::optional<std::vector<int64_t>>& image_ids) {
  ASSIGN_OR_RETURN(const DetectionTable table, CheckedTableOf(detections, options));
  return MatchTable(dataset, table, options, image_ids);
}

}  // namespace eval
