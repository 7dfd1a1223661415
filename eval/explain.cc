#include "eval/explain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

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
      return absl::StrCat(KeypointErrorSize(diagnosis, KeypointKind::kInversion), "; ",
                          Percent(diagnosis.CountBetterExchanged(), static_cast<int64_t>(diagnosis.persons.size())),
                          " fit better with left and right exchanged");
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
  EvaluatorOptions with_details = options;
  with_details.details = with_details.ranking = true;
  Explanation explanation;
  explanation.dataset = options.dataset;
  explanation.annotations_name = options.annotations_name;
  explanation.detections_name = options.detections_name;
  ASSIGN_OR_RETURN(explanation.metrics, Evaluate(dataset, detections, with_details));
  const auto diagnose = [&](bool mirrored) {
    return Diagnose(dataset, detections, options.dataset, explanation.metrics, mirrored);
  };
  ASSIGN_OR_RETURN(explanation.diagnosis, diagnose(/*mirrored=*/true));
  ASSIGN_OR_RETURN(explanation.costs,
                   MeasureErrorCosts(dataset, detections, options, explanation.metrics, explanation.diagnosis));
  ASSIGN_OR_RETURN(explanation.paper_diagnosis, diagnose(/*mirrored=*/false));
  explanation.paper_costs = explanation.costs;
  if (explanation.diagnosis.CountMirrored() > 0) {
    ASSIGN_OR_RETURN(explanation.paper_costs,
                     MeasureErrorCosts(dataset, detections, options, explanation.metrics, explanation.paper_diagnosis));
  }
  explanation.keypoints = SummariseKeypoints(explanation.diagnosis, options.dataset);
  ASSIGN_OR_RETURN(explanation.groups, MeasureGroups(dataset, detections, options, explanation.diagnosis));
  return explanation;
}

}  // namespace eval
