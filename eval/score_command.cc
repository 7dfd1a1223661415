#include "eval/score_command.h"

#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/dataset_flag.h"
#include "eval/evaluator.h"
#include "eval/input_files.h"
#include "eval/metrics_format.h"
#include "eval/quirks_flag.h"

namespace eval {
namespace {

// What --timing prints: seconds of a phase.
class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

absl::Status RunScore(const std::vector<std::string>& arguments) {
  std::string dataset_name = "coco", annotations_path, detections_path, json_path, quirks = "official";
  int64_t threads = 0;
  bool details = false, timing = false;
  base::Flags flags("pose_eval score", kScoreDescription);
  flags.Optional("dataset", &dataset_name, kDatasetValues, kDatasetHelp);
  flags.Required("gt", &annotations_path, "GT.json", "annotations, in COCO's format");
  flags.Required("dt", &detections_path, "DT.json", "detections, in COCO's format for results");
  flags.Optional("json", &json_path, "OUT.json", "also write the numbers there, to the last digit");
  flags.Switch("details", &details, "with --json: also precision curves and every match");
  flags.Optional("quirks", &quirks, kQuirksValues, kQuirksHelp);
  flags.Optional("threads", &threads, "N", "threads; 0 takes all cores; the numbers are the same");
  flags.Switch("timing", &timing, "say on stderr how long reading and evaluation took");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (details && json_path.empty()) return absl::InvalidArgumentError("--details: expected --json=OUT.json with it");
  if (threads < 0) return absl::InvalidArgumentError(absl::StrCat("--threads: expected 0 or more, found ", threads));

  EvaluatorOptions options;
  ASSIGN_OR_RETURN(options.dataset, DatasetOfFlag(dataset_name));
  ASSIGN_OR_RETURN(options.quirks, QuirksOfFlag(quirks));
  options.details = details;
  options.threads = base::ThreadsOfFlag(threads);
  options.annotations_name = annotations_path;
  options.detections_name = detections_path;
  const Stopwatch reading;
  ASSIGN_OR_RETURN(const InputFiles input, ReadInputFiles(annotations_path, {detections_path},
                                                          options.dataset.num_keypoints(), options.threads));
  const double reading_seconds = reading.Seconds();
  const Stopwatch evaluation;
  ASSIGN_OR_RETURN(const Metrics metrics, EvaluateTable(input.dataset, input.detections[0], options));
  if (timing) {
    std::fprintf(stderr, "pose_eval: reading %.4f s, evaluation %.4f s, %d threads\n", reading_seconds,
                 evaluation.Seconds(), options.threads);
  }

  for (const std::string& warning : metrics.warnings) std::fprintf(stderr, "pose_eval: note: %s\n", warning.c_str());
  std::fputs(FormatMetricsTable(metrics).c_str(), stdout);
  if (json_path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(base::UserPath(json_path), FormatMetricsJson(metrics, details));
}

}  // namespace eval
