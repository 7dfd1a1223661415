// The folder that a run leaves: one writer for all its files.
#ifndef GROUPPOSE_CONFIG_RUN_FOLDER_H_
#define GROUPPOSE_CONFIG_RUN_FOLDER_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/machine.h"
#include "eval/annotations.h"
#include "eval/evaluator.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "grouppose/config/run.h"
#include "grouppose/train/loop.h"

namespace grouppose::config {

class RunFolder {
 public:
  // Of a training: makes the folder, writes experiment.textproto and starts log.jsonl. A resumed run gives the steps
  // that it goes on after: what an earlier start logged and measured up to there stays (at 0 its pretraining).
  static absl::StatusOr<RunFolder> Open(const experiments::Experiment& experiment, const RunOptions& options,
                                        std::optional<int64_t> steps_done = std::nullopt);
  // Of an evaluation: no log, no checkpoints.
  static absl::StatusOr<RunFolder> OpenForEvaluation(const experiments::Experiment& experiment,
                                                     const RunOptions& options);

  // A line of log.jsonl, on disk when this returns.
  absl::Status Log(const train::LogRecord& record);

  // `weights`: "" for the trained ones, "average".
  void AddEvaluation(const eval::Metrics& metrics, int64_t step, const std::string& split, const std::string& weights);
  absl::Status WriteMetrics();
  absl::Status WriteResults(const std::vector<eval::Detection>& detections);
  // The annotations that results.json is measured against, in COCO's format.
  absl::Status WriteGroundTruth(const eval::Dataset& ground_truth);
  // Adds what is known of experiment and program, and writes it. Data and initial checkpoint are the caller's.
  absl::Status WriteProvenance(experiments::Provenance provenance);
  absl::Status WriteTimes();

  std::string Path(const std::string& name) const;
  experiments::Metrics& metrics() { return metrics_; }
  // CPU seconds spent so far in evaluations; the rest of the run is counted as training.
  void AddEvaluationSeconds(double seconds) { evaluation_seconds_ += seconds; }

 private:
  RunFolder(const experiments::Experiment& experiment, const RunOptions& options);
  // What an earlier start of the run noted up to the step that it goes on from.
  absl::Status KeepLog(int64_t until);
  absl::Status KeepMetrics(int64_t until);

  RunOptions options_;
  std::string resolved_;
  std::string log_;
  experiments::Metrics metrics_;
  double evaluation_seconds_ = 0;
  double first_cpu_seconds_;
  std::chrono::steady_clock::time_point start_;
};

using base::CpuSeconds;

// One record as a line of JSON.
std::string LogLine(const train::LogRecord& record);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_RUN_FOLDER_H_
