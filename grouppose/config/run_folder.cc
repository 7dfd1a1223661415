#include "grouppose/config/run_folder.h"

#include <ATen/Parallel.h>

#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "base/json_writer.h"
#include "base/machine.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "experiments/textproto.h"
#include "grouppose/train/determinism.h"
#include "simdjson.h"
#include "third_party/torch/wheel.h"

namespace grouppose::config {
namespace {

// The lines of an earlier log that a run resumed at `until` steps keeps: all of the pretraining, and of the training
// those that are not made again.
std::string KeptLines(const std::string& log, int64_t until) {
  std::string kept;
  simdjson::dom::parser parser;
  for (absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    simdjson::dom::element record;
    if (parser.parse(line.data(), line.size()).get(record) != simdjson::SUCCESS) break;  // a line cut by a kill
    int64_t step = 0;
    std::string_view phase;
    if (record["step"].get(step) != simdjson::SUCCESS || record["phase"].get(phase) != simdjson::SUCCESS) break;
    if (phase == "training" && step > until) break;
    absl::StrAppend(&kept, line, "\n");
  }
  return kept;
}

}  // namespace

std::string LogLine(const train::LogRecord& record) {
  std::string text;
  base::JsonWriter::Options options;
  options.not_finite = base::JsonWriter::kNull;
  base::JsonWriter json(&text, options);
  json.BeginObject();
  json.Member("phase", record.phase);
  json.Member("step", record.step);
  json.Member("epoch", record.epoch);
  json.Member("learning_rate", record.learning_rate);
  json.Member("loss", record.loss);
  json.Member("gradient_norm", record.gradient_norm);
  for (const auto& [name, value] : record.values) json.Member(name, value);
  json.EndObject();
  json.Finish();
  return text + "\n";
}

RunFolder::RunFolder(const experiments::Experiment& experiment, const RunOptions& options)
    : options_(options),
      resolved_(experiments::ResolvedText(experiment)),
      first_cpu_seconds_(CpuSeconds()),
      start_(std::chrono::steady_clock::now()) {
  metrics_.set_experiment(experiment.name());
  metrics_.set_seed(options.seed);
}

absl::StatusOr<RunFolder> RunFolder::OpenForEvaluation(const experiments::Experiment& experiment,
                                                       const RunOptions& options) {
  RunFolder folder(experiment, options);
  RETURN_IF_ERROR(base::MakeDirectories(options.output));
  RETURN_IF_ERROR(base::WriteFileAtomically(folder.Path("experiment.textproto"), folder.resolved_));
  return folder;
}

absl::StatusOr<RunFolder> RunFolder::Open(const experiments::Experiment& experiment, const RunOptions& options,
                                          std::optional<int64_t> steps_done) {
  ASSIGN_OR_RETURN(RunFolder folder, OpenForEvaluation(experiment, options));
  if (!options.cell) RETURN_IF_ERROR(base::MakeDirectories(folder.Path("checkpoints")));
  if (steps_done.has_value()) {
    RETURN_IF_ERROR(folder.KeepLog(*steps_done));
    RETURN_IF_ERROR(folder.KeepMetrics(*steps_done));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(folder.Path("log.jsonl"), folder.log_));
  return folder;
}

absl::Status RunFolder::KeepLog(int64_t until) {
  if (!base::FileExists(Path("log.jsonl"))) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string earlier, base::ReadFile(Path("log.jsonl")));
  log_ = KeptLines(earlier, until);
  return absl::OkStatus();
}

absl::Status RunFolder::KeepMetrics(int64_t until) {
  if (!base::FileExists(Path("metrics.textproto"))) return absl::OkStatus();
  experiments::Metrics earlier;
  RETURN_IF_ERROR(experiments::ReadTextproto(Path("metrics.textproto"), &earlier));
  for (const experiments::Metrics::Evaluation& evaluation : earlier.evaluations()) {
    if (evaluation.step() <= until) *metrics_.add_evaluations() = evaluation;
  }
  // a run that had finished logs no further line to take these from
  if (earlier.has_training_steps() && earlier.training_steps() <= until) {
    metrics_.set_training_steps(earlier.training_steps());
    metrics_.set_final_loss(earlier.final_loss());
  }
  return absl::OkStatus();
}

std::string RunFolder::Path(const std::string& name) const { return base::JoinPath(options_.output, name); }

absl::Status RunFolder::Log(const train::LogRecord& record) {
  std::ofstream log(Path("log.jsonl"), std::ios::app);
  log << LogLine(record) << std::flush;
  if (!log) return absl::UnknownError(absl::StrCat(Path("log.jsonl"), ": cannot write"));
  return absl::OkStatus();
}

void RunFolder::AddEvaluation(const eval::Metrics& metrics, int64_t step, const std::string& split,
                              const std::string& weights) {
  experiments::Metrics::Evaluation* evaluation = metrics_.add_evaluations();
  evaluation->set_step(step);
  evaluation->set_split(split);
  if (!weights.empty()) evaluation->set_weights(weights);
  evaluation->set_images(metrics.num_images);
  for (size_t i = 0; i < metrics.names.size(); ++i) {
    experiments::Metrics::Value* value = evaluation->add_values();
    value->set_name(metrics.names[i]);
    value->set_value(metrics.stats[i]);
  }
}

absl::Status RunFolder::WriteMetrics() { return experiments::WriteTextproto(Path("metrics.textproto"), metrics_); }

absl::Status RunFolder::WriteResults(const std::vector<eval::Detection>& detections) {
  return eval::WriteDetections(Path("results.json"), detections);
}

absl::Status RunFolder::WriteGroundTruth(const eval::Dataset& ground_truth) {
  return eval::WriteDataset(Path("ground_truth.json"), ground_truth);
}

absl::Status RunFolder::WriteProvenance(experiments::Provenance provenance) {
  provenance.set_experiment_sha256(base::Sha256(resolved_));
  provenance.set_seed(options_.seed);
  ASSIGN_OR_RETURN(const std::string program, base::Sha256OfFile("/proc/self/exe"));
  provenance.set_program_sha256(program);
  provenance.set_torch_sha256(GROUPPOSE_TORCH_WHEEL_SHA256);
  provenance.set_instruction_set(options_.deterministic ? train::PinnedInstructionSet() : "as the machine has it");
  provenance.set_threads(at::get_num_threads());
  return experiments::WriteTextproto(Path("provenance.textproto"), provenance);
}

absl::Status RunFolder::WriteTimes() {
  experiments::Times times;
  times.set_wall_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  times.set_cpu_seconds(CpuSeconds() - first_cpu_seconds_);
  times.set_evaluation_cpu_seconds(evaluation_seconds_);
  times.set_training_cpu_seconds(times.cpu_seconds() - evaluation_seconds_);
  times.set_processor(base::ProcessorName());
  return experiments::WriteTextproto(Path("times.textproto"), times);
}

}  // namespace grouppose::config
