#include "eval/score_command.h"

#include <cstdio>

#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/dataset_flag.h"
#include "eval/evaluator.h"
#include "eval/metrics_format.h"

namespace eval {

absl::Status RunScore(const std::vector<std::string>& arguments) {
  std::string dataset_name = "coco", annotations_path, detections_path, json_path;
  bool details = false;
  base::Flags flags("pose_eval score", kScoreDescription);
  flags.Optional("dataset", &dataset_name, kDatasetValues, kDatasetHelp);
  flags.Required("gt", &annotations_path, "GT.json", "annotations, in COCO's format");
  flags.Required("dt", &detections_path, "DT.json", "detections, in COCO's format for results");
  flags.Optional("json", &json_path, "OUT.json", "also write the numbers there, to the last digit");
  flags.Switch("details", &details, "with --json: also precision curves and every match");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (details && json_path.empty()) return absl::InvalidArgumentError("--details: expected --json=OUT.json with it");

  EvaluatorOptions options;
  ASSIGN_OR_RETURN(options.dataset, DatasetOfFlag(dataset_name));
  options.details = details;
  options.annotations_name = annotations_path;
  options.detections_name = detections_path;
  ReadOptions read_options;
  read_options.num_keypoints = options.dataset.num_keypoints();
  ASSIGN_OR_RETURN(const Dataset dataset, ReadDataset(base::UserPath(annotations_path), read_options));
  ASSIGN_OR_RETURN(const std::vector<Detection> detections,
                   ReadDetections(base::UserPath(detections_path), read_options));
  ASSIGN_OR_RETURN(const Metrics metrics, Evaluate(dataset, detections, options));

  for (const std::string& warning : metrics.warnings) std::fprintf(stderr, "pose_eval: note: %s\n", warning.c_str());
  std::fputs(FormatMetricsTable(metrics).c_str(), stdout);
  if (json_path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(base::UserPath(json_path), FormatMetricsJson(metrics, details));
}

}  // namespace eval
