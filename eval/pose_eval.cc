// pose_eval: scores keypoint detections as the official tools do. `pose_eval --help` lists the subcommands.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/evaluator.h"
#include "eval/metrics_format.h"

namespace eval {
namespace {

struct Subcommand {
  const char* name;
  const char* description;
  absl::Status (*run)(const std::vector<std::string>& arguments);
};

absl::StatusOr<KeypointDataset> DatasetByName(const std::string& name) {
  for (const KeypointDataset* dataset : {&Coco(), &CrowdPose()}) {
    if (dataset->name == name) return *dataset;
  }
  const std::string nearest = base::NearestName(name, {Coco().name, CrowdPose().name});
  return absl::InvalidArgumentError(absl::StrCat("--dataset: expected coco or crowdpose, found '", name, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

constexpr char kScoreDescription[] = "average precision and recall of a result file, equal to the official tool's";

absl::Status Score(const std::vector<std::string>& arguments) {
  std::string dataset_name = "coco", annotations_path, detections_path, json_path;
  bool details = false;
  base::Flags flags("pose_eval score", kScoreDescription);
  flags.Optional("dataset", &dataset_name, "coco|crowdpose", "whose keypoints, sigmas and rules apply");
  flags.Required("gt", &annotations_path, "GT.json", "annotations, in COCO's format");
  flags.Required("dt", &detections_path, "DT.json", "detections, in COCO's format for results");
  flags.Optional("json", &json_path, "OUT.json", "also write the numbers there, to the last digit");
  flags.Switch("details", &details, "with --json: also precision curves and every match");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (details && json_path.empty()) return absl::InvalidArgumentError("--details: expected --json=OUT.json with it");

  EvaluatorOptions options;
  ASSIGN_OR_RETURN(options.dataset, DatasetByName(dataset_name));
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

const Subcommand kSubcommands[] = {{"score", kScoreDescription, Score}};

void PrintHelp() {
  std::printf(
      "pose_eval: evaluation of keypoint detections, COCO and CrowdPose\n\nUsage: pose_eval SUBCOMMAND [flags]\n\n");
  for (const Subcommand& subcommand : kSubcommands) {
    std::printf("  %-8s %s\n", subcommand.name, subcommand.description);
  }
  std::printf("\n`pose_eval SUBCOMMAND --help` lists the flags.\n");
}

absl::Status Run(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    return absl::InvalidArgumentError("expected a subcommand (`pose_eval --help` lists them)");
  }
  const std::string name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    PrintHelp();
    return absl::OkStatus();
  }
  arguments.erase(arguments.begin());
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) {
    if (name == subcommand.name) return subcommand.run(arguments);
    names.push_back(subcommand.name);
  }
  const std::string nearest = base::NearestName(name, names);
  return absl::InvalidArgumentError(absl::StrCat("unknown subcommand '", name, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                                                 " (`pose_eval --help` lists them)"));
}

}  // namespace
}  // namespace eval

int main(int argc, char** argv) {
  return base::RunMain("pose_eval", [&] { return eval::Run(base::Arguments(argc, argv)); });
}
