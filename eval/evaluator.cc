#include "eval/evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "eval/matching.h"
#include "eval/oks.h"
#include "eval/precision_recall.h"

namespace eval {
namespace {

// Positions of OKS 0.5 and 0.75 among the thresholds.
constexpr int kThreshold50 = 0, kThreshold75 = 5;

// The area of a detection decides whether it may be ignored when it is matched with nobody. Either every detection's is
// that of its `bbox`, or every one's that of the smallest box around its keypoints: the first detection decides.
absl::StatusOr<std::vector<double>> DetectionAreas(const std::vector<Detection>& detections,
                                                   const EvaluatorOptions& options) {
  std::vector<double> areas;
  areas.reserve(detections.size());
  for (size_t i = 0; i < detections.size(); ++i) {
    const Detection& detection = detections[i];
    if (detections[0].bbox.has_value()) {
      if (!detection.bbox.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat(
            options.detections_name, ": detections[", i, "] (image ", detection.image_id,
            "): has no 'bbox'; expected one, since detections[0] has one (the official tool: KeyError: 'bbox')"));
      }
      areas.push_back((*detection.bbox)[2] * (*detection.bbox)[3]);
      continue;
    }
    double low[2], high[2];
    for (int axis = 0; axis < 2; ++axis) {
      low[axis] = high[axis] = detection.keypoints[axis];
      for (size_t k = axis; k < detection.keypoints.size(); k += 3) {
        // NaN wins, as in numpy's min and max
        const double value = detection.keypoints[k];
        if (value < low[axis] || std::isnan(value)) low[axis] = value;
        if (value > high[axis] || std::isnan(value)) high[axis] = value;
        if (std::isnan(value)) break;
      }
    }
    areas.push_back((high[0] - low[0]) * (high[1] - low[1]));
  }
  return areas;
}

absl::Status CheckDataset(const Dataset& dataset, const EvaluatorOptions& options) {
  const KeypointDataset& description = options.dataset;
  for (size_t i = 0; i < dataset.annotations.size(); ++i) {
    const Annotation& annotation = dataset.annotations[i];
    const std::string where =
        absl::StrCat(options.annotations_name, ": annotations[", i, "] (id ", annotation.id, "): ");
    if (annotation.keypoints.size() != 3u * description.num_keypoints()) {
      return absl::InvalidArgumentError(absl::StrCat(where, "expected ", 3 * description.num_keypoints(),
                                                     " numbers in keypoints (", description.name, "), found ",
                                                     annotation.keypoints.size()));
    }
    if (description.area_rule == AreaRule::kAnnotated && !annotation.area.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(where, "has no 'area'"));
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

absl::Status CheckDetections(const Grouping& grouping, const std::vector<Detection>& detections,
                             const EvaluatorOptions& options) {
  for (size_t i = 0; i < detections.size(); ++i) {
    const Detection& detection = detections[i];
    if (!std::binary_search(grouping.image_ids.begin(), grouping.image_ids.end(), detection.image_id)) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.detections_name, ": detections[", i, "]: image ", detection.image_id,
                       " is not among the ", grouping.image_ids.size(), " images of ", options.annotations_name));
    }
    if (detection.keypoints.size() != 3u * options.dataset.num_keypoints()) {
      return absl::InvalidArgumentError(absl::StrCat(options.detections_name, ": detections[", i, "] (image ",
                                                     detection.image_id, "): expected ",
                                                     3 * options.dataset.num_keypoints(), " numbers in keypoints (",
                                                     options.dataset.name, "), found ", detection.keypoints.size()));
    }
  }
  return absl::OkStatus();
}

// One evaluation, from grouped input to metrics.
class Evaluation {
 public:
  Evaluation(const Dataset& dataset, const std::vector<Detection>& detections, const EvaluatorOptions& options,
             Grouping grouping, std::vector<double> detection_areas)
      : dataset_(dataset),
        detections_(detections),
        options_(options),
        grouping_(std::move(grouping)),
        detection_areas_(std::move(detection_areas)) {}

  Metrics Run() {
    Match();
    RankByScore();
    FillCurves();
    Summarise();
    if (options_.ranking) AddRankings();
    metrics_.warnings = grouping_.warnings;
    return std::move(metrics_);
  }

 private:
  // Of one area range: who counts in which group, and how each kept detection fared.
  struct AreaResult {
    std::vector<int64_t> num_positives;                         // a group each
    std::array<std::vector<Outcome>, kNumThresholds> outcomes;  // by threshold, a kept detection each
  };

  // A kept detection, and its group.
  struct Ranked {
    int detection, group;
  };

  void Match();
  void MatchOneGroup(const Group& group, const std::vector<double>& similarities, int area);
  Outcome OutcomeOf(const Group& group, const std::vector<MatchTarget>& targets, int match, int detection, int area);
  void AddDetails(const Group& group, const std::vector<double>& similarities);

  void RankByScore();
  // The curves of one category and area over the images (positions in image_ids) that take part: precision [thresholds,
  // recalls] and recall [thresholds], -1 where no annotation counts.
  void Curves(int category, int area, const std::vector<bool>& takes_part, std::vector<double>* precision,
              std::vector<double>* recall) const;
  void FillCurves();
  void AddRankings();
  RankedDetection FateOf(const Ranked& item) const;

  // Means over what exists; -1 where nothing does. `threshold` -1 takes all.
  double MeanPrecisionOf(int area, int threshold) const;
  double MeanRecallOf(int area, int threshold) const;
  enum Difficulty { kEasy, kMiddling, kHard };
  Difficulty DifficultyOf(const Image& image) const;
  double PrecisionOfDifficulty(Difficulty difficulty) const;
  void Summarise();

  int64_t AnnotationId(const Group& group, int position) const {
    return dataset_.annotations[grouping_.annotations[group.first_annotation + position]].id;
  }

  const Dataset& dataset_;
  const std::vector<Detection>& detections_;
  const EvaluatorOptions& options_;
  const Grouping grouping_;
  const std::vector<double> detection_areas_;
  std::array<AreaResult, kNumAreas> areas_;
  // By category: kept detections by falling score.
  std::vector<std::vector<Ranked>> ranking_;
  Metrics metrics_;
};

void Evaluation::Match() {
  const Oks oks(options_.dataset);
  for (AreaResult& area : areas_) {
    for (std::vector<Outcome>& outcomes : area.outcomes) outcomes.resize(grouping_.detections.size());
  }
  std::vector<double> similarities;
  for (const Group& group : grouping_.groups) {
    ComputeOks(grouping_, group, dataset_, detections_, oks, options_.dataset.area_rule, &similarities);
    for (int area = 0; area < kNumAreas; ++area) MatchOneGroup(group, similarities, area);
    if (options_.details) AddDetails(group, similarities);
  }
}

void Evaluation::MatchOneGroup(const Group& group, const std::vector<double>& similarities, int area) {
  const std::vector<MatchTarget> targets =
      OrderTargets(grouping_, group, dataset_, options_.dataset.area_rule, kAreaRanges[area]);
  int64_t num_positives = 0;
  for (const MatchTarget& target : targets) num_positives += !target.ignored;
  areas_[area].num_positives.push_back(num_positives);

  int matches[kMaxDetections];
  for (int t = 0; t < kNumThresholds; ++t) {
    MatchGroup(targets, similarities, group.num_detections, OksThresholds()[t], matches);
    for (int i = 0; i < group.num_detections; ++i) {
      areas_[area].outcomes[t][group.first_detection + i] = OutcomeOf(group, targets, matches[i], i, area);
    }
  }
}

Outcome Evaluation::OutcomeOf(const Group& group, const std::vector<MatchTarget>& targets, int match, int detection,
                              int area) {
  // the official tool stores the id of the match, and 0 for none: a match with an annotation of id 0 is none
  const bool matched = match >= 0 && AnnotationId(group, targets[match].position) != 0;
  if (match >= 0 && targets[match].ignored) return Outcome::kIgnored;
  if (matched) return Outcome::kTruePositive;
  const double size = detection_areas_[grouping_.detections[group.first_detection + detection]];
  const bool other_size = size < kAreaRanges[area].low || size > kAreaRanges[area].high;
  return other_size ? Outcome::kIgnored : Outcome::kFalsePositive;
}

void Evaluation::AddDetails(const Group& group, const std::vector<double>& similarities) {
  ImageDetails details;
  details.image_id = grouping_.image_ids[group.image];
  details.category_id = grouping_.category_ids[group.category];
  details.oks = similarities;
  const std::vector<MatchTarget> targets =
      OrderTargets(grouping_, group, dataset_, options_.dataset.area_rule, kAreaRanges[0]);
  for (const MatchTarget& target : targets) {
    details.annotation_ids.push_back(AnnotationId(group, target.position));
    details.annotation_ignored.push_back(target.ignored);
  }
  for (int i = 0; i < group.num_detections; ++i) {
    const int position = grouping_.detections[group.first_detection + i];
    details.detection_ids.push_back(position + 1);
    details.scores.push_back(detections_[position].score);
    details.detection_ignored_50.push_back(areas_[0].outcomes[kThreshold50][group.first_detection + i] ==
                                           Outcome::kIgnored);
  }
  int matches[kMaxDetections];
  for (const auto& [threshold, ids] :
       {std::make_pair(kThreshold50, &details.matches_50), std::make_pair(kThreshold75, &details.matches_75)}) {
    MatchGroup(targets, similarities, group.num_detections, OksThresholds()[threshold], matches);
    for (int i = 0; i < group.num_detections; ++i) {
      ids->push_back(matches[i] < 0 ? 0 : AnnotationId(group, targets[matches[i]].position));
    }
  }
  metrics_.per_image.push_back(std::move(details));
}

void Evaluation::RankByScore() {
  // before ranking: image by image, each best first; equal scores stay in that order
  std::vector<std::vector<Ranked>> kept(grouping_.category_ids.size());
  for (size_t g = 0; g < grouping_.groups.size(); ++g) {
    const Group& group = grouping_.groups[g];
    for (int i = 0; i < group.num_detections; ++i) {
      kept[group.category].push_back({group.first_detection + i, static_cast<int>(g)});
    }
  }
  for (const std::vector<Ranked>& unranked : kept) {
    std::vector<double> scores;
    for (const Ranked& item : unranked) scores.push_back(detections_[grouping_.detections[item.detection]].score);
    std::vector<Ranked> ranked;
    for (const int i : OrderByScore(scores)) ranked.push_back(unranked[i]);
    ranking_.push_back(std::move(ranked));
  }
}

void Evaluation::Curves(int category, int area, const std::vector<bool>& takes_part, std::vector<double>* precision,
                        std::vector<double>* recall) const {
  precision->assign(kNumThresholds * kNumRecalls, -1);
  recall->assign(kNumThresholds, -1);
  int64_t num_positives = 0;
  for (size_t g = 0; g < grouping_.groups.size(); ++g) {
    const Group& group = grouping_.groups[g];
    if (group.category == category && takes_part[group.image]) num_positives += areas_[area].num_positives[g];
  }
  if (num_positives == 0) return;

  std::vector<int> order;
  for (const Ranked& item : ranking_[category]) {
    if (takes_part[grouping_.groups[item.group].image]) order.push_back(item.detection);
  }
  std::vector<Outcome> outcomes(order.size());
  for (int t = 0; t < kNumThresholds; ++t) {
    for (size_t i = 0; i < order.size(); ++i) outcomes[i] = areas_[area].outcomes[t][order[i]];
    (*recall)[t] = PrecisionAtRecalls(outcomes, num_positives, precision->data() + t * kNumRecalls);
  }
}

void Evaluation::FillCurves() {
  const int num_categories = static_cast<int>(grouping_.category_ids.size());
  metrics_.num_thresholds = kNumThresholds;
  metrics_.num_recalls = kNumRecalls;
  metrics_.category_ids = grouping_.category_ids;
  for (const AreaRange& range : kAreaRanges) metrics_.area_labels.push_back(range.label);
  metrics_.precision.resize(kNumThresholds * kNumRecalls * num_categories * kNumAreas);
  metrics_.recall.resize(kNumThresholds * num_categories * kNumAreas);
  const std::vector<bool> every_image(grouping_.image_ids.size(), true);
  std::vector<double> precision, recall;
  for (int category = 0; category < num_categories; ++category) {
    for (int area = 0; area < kNumAreas; ++area) {
      Curves(category, area, every_image, &precision, &recall);
      const int column = category * kNumAreas + area, columns = num_categories * kNumAreas;
      for (int i = 0; i < kNumThresholds * kNumRecalls; ++i) metrics_.precision[i * columns + column] = precision[i];
      for (int t = 0; t < kNumThresholds; ++t) metrics_.recall[t * columns + column] = recall[t];
    }
  }
  metrics_.num_images = static_cast<int64_t>(grouping_.image_ids.size());
  metrics_.num_annotations = static_cast<int64_t>(dataset_.annotations.size());
  metrics_.num_detections = static_cast<int64_t>(detections_.size());
  for (const int64_t count : areas_[0].num_positives) metrics_.num_positives += count;
}

void Evaluation::AddRankings() {
  static_assert(kNumAreaLabels == kNumAreas);
  for (const std::vector<Ranked>& ranked : ranking_) {
    Ranking ranking;
    for (std::vector<int64_t>& counts : ranking.num_positives) counts.resize(grouping_.image_ids.size());
    for (const Ranked& item : ranked) ranking.detections.push_back(FateOf(item));
    metrics_.rankings.push_back(std::move(ranking));
  }
  for (size_t g = 0; g < grouping_.groups.size(); ++g) {
    const Group& group = grouping_.groups[g];
    for (int area = 0; area < kNumAreas; ++area) {
      metrics_.rankings[group.category].num_positives[area][group.image] += areas_[area].num_positives[g];
    }
  }
}

RankedDetection Evaluation::FateOf(const Ranked& item) const {
  RankedDetection fate;
  fate.image = grouping_.groups[item.group].image;
  fate.detection = grouping_.detections[item.detection];
  fate.score = detections_[fate.detection].score;
  for (int area = 0; area < kNumAreas; ++area) {
    for (int t = 0; t < kNumThresholds; ++t) {
      const Outcome outcome = areas_[area].outcomes[t][item.detection];
      fate.found[area] |= static_cast<uint16_t>((outcome == Outcome::kTruePositive) << t);
      fate.wrong[area] |= static_cast<uint16_t>((outcome == Outcome::kFalsePositive) << t);
    }
  }
  return fate;
}

double Evaluation::MeanPrecisionOf(int area, int threshold) const {
  std::vector<double> values;
  for (int t = 0; t < kNumThresholds; ++t) {
    if (threshold >= 0 && t != threshold) continue;
    for (int r = 0; r < kNumRecalls; ++r) {
      for (size_t k = 0; k < metrics_.category_ids.size(); ++k) values.push_back(metrics_.Precision(t, r, k, area));
    }
  }
  return MeanOfExisting(values);
}

double Evaluation::MeanRecallOf(int area, int threshold) const {
  std::vector<double> values;
  for (int t = 0; t < kNumThresholds; ++t) {
    if (threshold >= 0 && t != threshold) continue;
    for (size_t k = 0; k < metrics_.category_ids.size(); ++k) values.push_back(metrics_.Recall(t, k, area));
  }
  return MeanOfExisting(values);
}

Evaluation::Difficulty Evaluation::DifficultyOf(const Image& image) const {
  const auto [medium, hard] = options_.dataset.crowd_index_borders;
  return *image.crowd_index < medium ? kEasy : *image.crowd_index < hard ? kMiddling : kHard;
}

// AP of the images of one difficulty. Unlike the other means it takes the -1 of absent categories with it, and is
// rounded to four decimals (crowdposetools, get_type_result).
double Evaluation::PrecisionOfDifficulty(Difficulty difficulty) const {
  std::vector<bool> takes_part(grouping_.image_ids.size());
  for (const Image& image : dataset_.images) {
    if (DifficultyOf(image) != difficulty) continue;
    const auto found = std::lower_bound(grouping_.image_ids.begin(), grouping_.image_ids.end(), image.id);
    takes_part[found - grouping_.image_ids.begin()] = true;
  }
  std::vector<double> values, precision, recall;
  for (size_t k = 0; k < grouping_.category_ids.size(); ++k) {
    Curves(static_cast<int>(k), 0, takes_part, &precision, &recall);
    values.insert(values.end(), precision.begin(), precision.end());
  }
  if (values.empty()) return -1;
  const double mean = NumpySum(values.data(), values.size()) / static_cast<double>(values.size());
  return std::nearbyint(mean * 1e4) / 1e4;
}

void Evaluation::Summarise() {
  enum { kAll, kMedium, kLarge };
  const double ap[] = {MeanPrecisionOf(kAll, -1), MeanPrecisionOf(kAll, kThreshold50),
                       MeanPrecisionOf(kAll, kThreshold75)};
  const double ar[] = {MeanRecallOf(kAll, -1), MeanRecallOf(kAll, kThreshold50), MeanRecallOf(kAll, kThreshold75)};
  if (options_.dataset.summary_rule == SummaryRule::kByArea) {
    metrics_.names = {"AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"};
    metrics_.stats = {ap[0], ap[1], ap[2], MeanPrecisionOf(kMedium, -1), MeanPrecisionOf(kLarge, -1),
                      ar[0], ar[1], ar[2], MeanRecallOf(kMedium, -1),    MeanRecallOf(kLarge, -1)};
    return;
  }
  metrics_.names = {"AP", "AP50", "AP75", "zero3", "zero4", "AR", "AR50", "AR75", "AP_easy", "AP_medium", "AP_hard"};
  metrics_.stats = {ap[0],
                    ap[1],
                    ap[2],
                    0,
                    0,
                    ar[0],
                    ar[1],
                    ar[2],
                    PrecisionOfDifficulty(kEasy),
                    PrecisionOfDifficulty(kMiddling),
                    PrecisionOfDifficulty(kHard)};
}

// An annotation of id 0 can be found and yet not counted.
void WarnOfIdZero(const Dataset& dataset, Grouping* grouping) {
  for (size_t i = 0; i < dataset.annotations.size(); ++i) {
    if (dataset.annotations[i].id != 0) continue;
    grouping->warnings.push_back(absl::StrCat(
        "annotations[", i, "] has id 0: who finds it counts as a false positive, as in the official tool"));
  }
}

}  // namespace

double Metrics::Stat(absl::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return stats[i];
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double Metrics::Precision(int threshold, int recall_index, int category, int area) const {
  return precision[((threshold * num_recalls + recall_index) * category_ids.size() + category) * area_labels.size() +
                   area];
}

double Metrics::Recall(int threshold, int category, int area) const {
  return recall[(threshold * category_ids.size() + category) * area_labels.size() + area];
}

double Metrics::MeanPrecision(int threshold, int category, int area) const {
  std::vector<double> values;
  for (int r = 0; r < num_recalls; ++r) values.push_back(Precision(threshold, r, category, area));
  return NumpySum(values.data(), values.size()) / num_recalls;
}

absl::StatusOr<Metrics> Evaluate(const Dataset& dataset, const std::vector<Detection>& detections,
                                 const EvaluatorOptions& options) {
  RETURN_IF_ERROR(Validate(options.dataset));
  RETURN_IF_ERROR(CheckDataset(dataset, options));
  Grouping grouping = MakeGroups(dataset, detections);
  WarnOfIdZero(dataset, &grouping);
  RETURN_IF_ERROR(CheckDetections(grouping, detections, options));
  ASSIGN_OR_RETURN(std::vector<double> areas, DetectionAreas(detections, options));
  return Evaluation(dataset, detections, options, std::move(grouping), std::move(areas)).Run();
}

}  // namespace eval
