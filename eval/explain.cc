#include "eval/explain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "eval/matching.h"
#include "eval/oks.h"

namespace eval {
namespace {

std::vector<KeypointSummary> SummariseKeypoints(const Diagnosis& diagnosis, const KeypointDataset& description) {
  std::vector<KeypointSummary> summaries;
  for (int k = 0; k < description.num_keypoints(); ++k) {
    KeypointSummary summary;
    summary.name = description.names[k];
    double sum = 0;
    for (const DiagnosedPerson& person : diagnosis.persons) {
      const DiagnosedKeypoint& keypoint = person.keypoints[k];
      ++summary.counts[static_cast<int>(keypoint.kind)];
      if (keypoint.kind == KeypointKind::kUnlabelled) continue;
      ++summary.num_labelled;
      sum += keypoint.similarity;
    }
    if (summary.num_labelled > 0) summary.mean_similarity = sum / summary.num_labelled;
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

// The annotations as evaluation takes them, so that whoever changes one changes nobody else.
struct Settled {
  Dataset dataset;
  EvaluatorOptions options;    // that give the settled data set the numbers of the one that was given
  std::vector<int> positions;  // of its annotations in the one that was given
};

// Every annotation stands for itself, and num_keypoints says who counts.
Settled Settle(const Dataset& dataset, const EvaluatorOptions& options) {
  Settled settled;
  settled.options = options;
  settled.options.details = settled.options.ranking = true;
  settled.options.quirks.last_annotation_of_an_id_replaces_the_others = false;
  settled.options.quirks.num_keypoints_decides_who_counts = true;
  settled.positions = MakeGroups(dataset, DetectionTable(), options.quirks).annotations;
  settled.dataset.images = dataset.images;
  settled.dataset.categories = dataset.categories;
  for (const int position : settled.positions) {
    Annotation annotation = dataset.annotations[position];
    if (!options.quirks.num_keypoints_decides_who_counts) annotation.num_keypoints = NumLabelled(annotation);
    settled.dataset.annotations.push_back(std::move(annotation));
  }
  return settled;
}

std::string Percent(int64_t part, int64_t whole) {
  return whole == 0 ? "0 %"
                    : absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string KeypointErrorSize(const Diagnosis& diagnosis, KeypointKind kind) {
  return absl::StrCat(Percent(diagnosis.Count(kind), diagnosis.num_labelled()), " of keypoints, ",
                      Percent(diagnosis.CountPersons(kind), static_cast<int64_t>(diagnosis.persons.size())),
                      " of detected persons");
}

}  // namespace

std::string ErrorMeaning(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kMiss:
      return "keypoints near nothing";
    case ErrorKind::kSwap:
      return "keypoints of another person";
    case ErrorKind::kInversion:
      return "left and right exchanged";
    case ErrorKind::kJitter:
      return "keypoints near their place, not at it";
    case ErrorKind::kScoring:
      return "scores that rank worse poses first";
    case ErrorKind::kBackground:
      return "detections that find nobody";
    case ErrorKind::kMissed:
      return "persons not found, or not near enough";
  }
  return "";
}

std::string ErrorSize(const Diagnosis& diagnosis, ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kMiss:
      return KeypointErrorSize(diagnosis, KeypointKind::kMiss);
    case ErrorKind::kSwap:
      return KeypointErrorSize(diagnosis, KeypointKind::kSwap);
    case ErrorKind::kInversion:
      // the pose as a whole first: of mirrored persons who are labelled on one side only, no keypoint is an inversion
      return absl::StrCat(Percent(diagnosis.CountBetterExchanged(), static_cast<int64_t>(diagnosis.persons.size())),
                          " of detected persons fit better with left and right exchanged (inverted: ",
                          KeypointErrorSize(diagnosis, KeypointKind::kInversion), ")");
    case ErrorKind::kJitter:
      return KeypointErrorSize(diagnosis, KeypointKind::kJitter);
    case ErrorKind::kScoring:
      return "";
    case ErrorKind::kBackground:
      return absl::StrCat(Percent(diagnosis.CountUnmatched(UnmatchedKind::kBackground), diagnosis.num_detections),
                          " of detections in the background, ",
                          Percent(diagnosis.CountUnmatched(UnmatchedKind::kSecond), diagnosis.num_detections),
                          " second ones");
    case ErrorKind::kMissed:
      return absl::StrCat(Percent(static_cast<int64_t>(diagnosis.missed.size()), diagnosis.num_persons), " of persons");
  }
  return "";
}

std::string Explanation::Headline() const {
  if (costs.baseline.ap < 0) return "No annotation counts: there is nothing to explain.";
  const ErrorCost& largest = costs.largest();
  const std::string ap = absl::StrFormat("AP is %.4f", costs.baseline.ap);
  // the official tool's AP of perfect results is a last bit below 1
  if (largest.gain_in_turn < 1e-9) return ap + ": nothing is wrong.";
  std::string text =
      absl::StrCat(ap, "; the costliest error is ", ErrorKindName(largest.kind), " (", ErrorMeaning(largest.kind), ")");
  const std::string size = ErrorSize(diagnosis, largest.kind);
  if (!size.empty()) absl::StrAppend(&text, ": ", size);
  absl::StrAppendFormat(&text, "; without it AP would be higher by %.4f.", largest.gain_in_turn);
  return text;
}

absl::StatusOr<Explanation> Explain(const Dataset& dataset, const std::vector<Detection>& detections,
                                    const EvaluatorOptions& options) {
  ASSIGN_OR_RETURN(const DetectionTable table, CheckedTableOf(detections, options));
  return ExplainTable(dataset, table, options);
}

absl::StatusOr<Explanation> ExplainTable(const Dataset& dataset, const DetectionTable& detections,
                                         const EvaluatorOptions& options) {
  Explanation explanation;
  explanation.dataset = options.dataset;
  explanation.annotations_name = options.annotations_name;
  explanation.detections_name = options.detections_name;
  ASSIGN_OR_RETURN(explanation.metrics, EvaluateTable(dataset, detections, options));

  const Settled settled = Settle(dataset, options);
  ASSIGN_OR_RETURN(const Metrics metrics, EvaluateTable(settled.dataset, detections, settled.options));
  const auto measure_costs = [&](const Diagnosis& diagnosis) {
    return MeasureErrorCosts(settled.dataset, detections, settled.options, metrics, diagnosis);
  };
  explanation.diagnosis = Diagnose(settled.dataset, detections, settled.options, metrics, /*mirrored=*/true);
  ASSIGN_OR_RETURN(explanation.costs, measure_costs(explanation.diagnosis));
  explanation.paper_diagnosis = Diagnose(settled.dataset, detections, settled.options, metrics, /*mirrored=*/false);
  explanation.paper_costs = explanation.costs;
  if (explanation.diagnosis.CountMirrored() > 0) {
    ASSIGN_OR_RETURN(explanation.paper_costs, measure_costs(explanation.paper_diagnosis));
  }
  explanation.keypoints = SummariseKeypoints(explanation.diagnosis, options.dataset);
  ASSIGN_OR_RETURN(explanation.groups,
                   MeasureGroups(settled.dataset, detections, settled.options, explanation.diagnosis));
  for (Diagnosis* diagnosis : {&explanation.diagnosis, &explanation.paper_diagnosis}) {
    for (DiagnosedPerson& person : diagnosis->persons) person.annotation = settled.positions[person.annotation];
    for (int& missed : diagnosis->missed) missed = settled.positions[missed];
  }
  return explanation;
}

}  // namespace eval
