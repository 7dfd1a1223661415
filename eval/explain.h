// Why is AP what it is? Errors of keypoints by kind and what each costs, false and missed persons, AP by groups of
// persons, precision-recall curves. eval/explain.md has every definition and its source.
//
//   ASSIGN_OR_RETURN(const eval::Explanation explanation, eval::Explain(dataset, detections, options));
//   explanation.costs.largest().kind;   // eval::ErrorKind::kInversion
#ifndef EVAL_EXPLAIN_H_
#define EVAL_EXPLAIN_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/diagnosis.h"
#include "eval/error_costs.h"
#include "eval/evaluator.h"
#include "eval/person_groups.h"

namespace eval {

// How one keypoint fares over all persons with a detection.
struct KeypointSummary {
  std::string name;
  std::array<int, kNumKeypointKinds> counts = {};
  int num_labelled = 0;
  double mean_similarity = -1;  // its part of OKS; -1 where it is never labelled
};

struct Explanation {
  Metrics metrics;
  Diagnosis diagnosis;
  ErrorCosts costs;
  // The same with the paper's own matching: without persons who are found as mirrored poses only.
  Diagnosis paper_diagnosis;
  ErrorCosts paper_costs;
  std::vector<KeypointSummary> keypoints;
  std::vector<PersonGroups> groups;
  KeypointDataset dataset;
  std::string annotations_name, detections_name;

  // One sentence: the costliest kind of error, its size and its price.
  std::string Headline() const;
};

// Positions in it are those of Dataset::annotations. Where several annotations share an id, and the quirks let the last
// stand in the place of each, it is explained once for each.
// InvalidArgument: what Evaluate refuses.
absl::StatusOr<Explanation> Explain(const Dataset& dataset, const std::vector<Detection>& detections,
                                    const EvaluatorOptions& options);
// The keypoints of the table's rows are as many as the data set has.
absl::StatusOr<Explanation> ExplainTable(const Dataset& dataset, const DetectionTable& detections,
                                         const EvaluatorOptions& options);

// "left and right exchanged", ...: what a kind of error is, in a few words.
std::string ErrorMeaning(ErrorKind kind);
// How often it occurs: "9.8 % of keypoints, 10.2 % of detected persons"; of inversions first, "9.9 % of detected
// persons fit better with left and right exchanged", which is the share of mirrored poses.
std::string ErrorSize(const Diagnosis& diagnosis, ErrorKind kind);

}  // namespace eval

#endif  // EVAL_EXPLAIN_H_
