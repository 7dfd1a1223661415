#include "eval/score_command.h"

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/dataset_flag.h"
#include "eval/detection_table_reader.h"
#include "eval/evaluator.h"
#include "eval/metrics_format.h"

namespace eval {

namespace {

// What --timing prints: seconds of a phase.
class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct Input {
  Dataset dataset;
  DetectionTable detections;
};

// Both files at the same time where there are threads for it. Of two errors, the annotations' is told.
absl::StatusOr<Input> ReadBoth(const std::string& annotations_path, const std::string& detections_path,
                               const EvaluatorOptions& options) {
  ReadOptions read_options;
  read_options.num_keypoints = options.dataset.num_keypoints();
  TableReadOptions table_options;
  table_options.num_keypoints = options.dataset.num_keypoints();
  table_options.threads = options.threads;

  absl::StatusOr<Dataset> dataset;
  const auto read_dataset = [&] { dataset = ReadDataset(base::UserPath(annotations_path), read_options); };
  std::optional<std::thread> beside;
  if (options.threads > 1) {
    beside.emplace(read_dataset);
  } else {
    read_dataset();
    RETURN_IF_ERROR(dataset.status());
  }
  absl::StatusOr<DetectionTable> detections = ReadDetectionTable(base::UserPath(detections_path), table_options);
  if (beside.has_value()) beside->join();
  RETURN_IF_ERROR(dataset.status());
  RETURN_IF_ERROR(detections.status());
  return Input{*std::move(dataset), *std::move(detections)};
}

absl::StatusOr<Quirks> QuirksOfFlag(const std::string& value) {
  if (value == "official") return OfficialQuirks();
  if (value == "corrected") return CorrectedQuirks();
  return absl::InvalidArgumentError(absl::StrCat("--quirks: expected official or corrected, found '", value, "'"));
}

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
  flags.Optional("quirks", &quirks, "official|corrected",
                 "the official tools' numbers, or those without their faults (docs/evaluation_quirks.md)");
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
  ASSIGN_OR_RETURN(const Input input, ReadBoth(annotations_path, detections_path, options));
  const double reading_seconds = reading.Seconds();
  const Stopwatch evaluation;
  ASSIGN_OR_RETURN(const Metrics metrics, EvaluateTable(input.dataset, input.detections, options));
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
