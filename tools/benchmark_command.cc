#include "tools/benchmark_command.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/json_writer.h"
#include "base/machine.h"
#include "base/statistics.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "grouppose/benchmark/step_benchmark.h"
#include "grouppose/config/benchmark.h"

namespace grouppose {
namespace {

using experiments::Experiment;

// What COCO's commonest size, 640 x 480, becomes in evaluation.
constexpr int64_t kPhotoHeight = 800, kPhotoWidth = 1066;

// Far above what fits into memory; larger numbers are slips of the keyboard.
constexpr int64_t kMaxSide = 16384, kMaxBatch = 4096, kMaxIterations = 1000000, kMaxThreads = 4096;

struct Request {
  std::string experiment, mode = "infer", checkpoint, json;
  std::vector<std::string> overrides;
  int64_t height = 0, width = 0, batch = 1, iterations = 10, threads = 0;
  config::RunOptions run;
};

absl::Status CheckRange(const char* flag, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": expected ", least, " to ", most));
}

absl::Status Check(const Request& request) {
  if (request.mode != "infer" && request.mode != "train") {
    return absl::InvalidArgumentError(absl::StrCat("--mode=", request.mode, ": expected infer or train"));
  }
  RETURN_IF_ERROR(CheckRange("height", request.height, 0, kMaxSide));
  RETURN_IF_ERROR(CheckRange("width", request.width, 0, kMaxSide));
  RETURN_IF_ERROR(CheckRange("batch", request.batch, 1, kMaxBatch));
  RETURN_IF_ERROR(CheckRange("iterations", request.iterations, 1, kMaxIterations));
  return CheckRange("threads", request.threads, 0, kMaxThreads);
}

// ---- the result, for readers and for programs

std::string Row(const std::string& name, double seconds, double whole, int64_t flops) {
  std::string row = absl::StrFormat("%-12s %10.2f %6.1f %%", name, 1e3 * seconds, 100 * seconds / whole);
  if (flops > 0) absl::StrAppend(&row, absl::StrFormat(" %10.2f %9.1f", 1e-9 * flops, 1e-9 * flops / seconds));
  return row + "\n";
}

std::string FormatTable(const Request& request, const Experiment& experiment, const StepBenchmarkOptions& options,
                        const StepBenchmark& result) {
  const double median = base::Median(result.seconds);
  std::string text =
      absl::StrFormat("%s, %s: batch %d of %d x %d pixels, %d iterations, %d thread%s of %s\n\n", experiment.name(),
                      request.mode, options.batch, options.height, options.width, options.iterations, result.threads,
                      result.threads == 1 ? "" : "s", base::ProcessorName());
  absl::StrAppend(&text, "stage         median ms    share      GFLOP   GFLOP/s\n");
  for (const StageTimes& stage : result.stages) {
    absl::StrAppend(&text, Row(stage.name, base::Median(stage.seconds), median, stage.flops));
  }
  absl::StrAppend(&text, Row("all", median, median, result.flops()), "\n");
  absl::StrAppend(
      &text,
      absl::StrFormat("quartiles %.2f and %.2f ms; %.2f images/s; peak memory of the process %.0f MB; "
                      "load average %.1f\n",
                      1e3 * base::Quantile(result.seconds, 0.25), 1e3 * base::Quantile(result.seconds, 0.75),
                      options.batch / median, 1e-6 * static_cast<double>(result.peak_rss_bytes), base::LoadAverage()));
  return text;
}

std::string FormatJson(const Request& request, const Experiment& experiment, const StepBenchmarkOptions& options,
                       const StepBenchmark& result) {
  std::string text;
  base::JsonWriter::Options json_options;
  json_options.indent = 2;
  json_options.not_finite = base::JsonWriter::kNull;
  base::JsonWriter json(&text, json_options);
  json.BeginObject();
  json.Member("experiment", experiment.name()).Member("mode", request.mode);
  json.Member("height", options.height).Member("width", options.width).Member("batch", options.batch);
  json.Member("iterations", options.iterations).Member("threads", result.threads);
  json.Member("processor", base::ProcessorName()).Member("load_average", base::LoadAverage());
  json.Member("median_s", base::Median(result.seconds));
  json.Member("lower_quartile_s", base::Quantile(result.seconds, 0.25));
  json.Member("upper_quartile_s", base::Quantile(result.seconds, 0.75));
  json.Member("peak_rss_bytes", result.peak_rss_bytes).Member("flops", result.flops());
  json.Key("stages").BeginArray();
  for (const StageTimes& stage : result.stages) {
    json.BeginObject(base::JsonWriter::kOneLine);
    json.Member("name", stage.name).Member("seconds", base::Median(stage.seconds)).Member("flops", stage.flops);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  json.Finish();
  return text;
}

}  // namespace

absl::Status RunBenchmarkCommand(const std::vector<std::string>& arguments) {
  Request request;
  base::Flags flags(
      "grouppose benchmark",
      "Times a step of an experiment's model, stage by stage, on noise; prints medians, the floating-point "
      "operations that torch is asked for, and the memory.");
  flags.Required("experiment", &request.experiment, "FILE", "experiment textproto, such as experiments/tiny.textproto");
  flags.Repeated("set", &request.overrides, "PATH=VALUE", "override of a field of the experiment");
  flags.Optional("mode", &request.mode, "infer|train", "a forward pass, or a whole training step");
  flags.Optional("height", &request.height, "PIXELS", "of the images; 0 takes 800, and of synthetic people their size");
  flags.Optional("width", &request.width, "PIXELS", "of the images; 0 takes 1066, and of synthetic people their size");
  flags.Optional("batch", &request.batch, "N", "images in a step");
  flags.Optional("iterations", &request.iterations, "N", "steps that are timed, after two that are not");
  flags.Optional("threads", &request.threads, "N", "threads of one operator; 0 takes all cores");
  flags.Optional("checkpoint", &request.checkpoint, "FILE",
                 "weights; without them initial values, whose samples lie in one place of each image more than a "
                 "trained model's");
  flags.Optional("json", &request.json, "FILE", "the result for programs");
  flags.Switch("quiet", &request.run.quiet, "no progress on stderr");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  RETURN_IF_ERROR(Check(request));
  ASSIGN_OR_RETURN(const Experiment experiment,
                   experiments::LoadExperiment(base::UserPath(request.experiment), request.overrides));
  request.run.threads = static_cast<int>(request.threads);

  const bool synthetic = experiment.data().source() == experiments::Data::SYNTHETIC;
  const int64_t drawn = experiment.data().synthetic().image_size();
  StepBenchmarkOptions options;
  options.height = request.height > 0 ? request.height : synthetic ? drawn : kPhotoHeight;
  options.width = request.width > 0 ? request.width : synthetic ? drawn : kPhotoWidth;
  options.batch = request.batch;
  options.iterations = request.iterations;
  options.num_select = experiment.evaluation().num_select();
  const auto mode = request.mode == "infer" ? config::BenchmarkMode::kInference : config::BenchmarkMode::kTraining;
  const std::string checkpoint = request.checkpoint.empty() ? "" : base::UserPath(request.checkpoint);
  ASSIGN_OR_RETURN(const StepBenchmark result,
                   config::RunBenchmark(experiment, mode, options, checkpoint, request.run));
  std::fputs(FormatTable(request, experiment, options, result).c_str(), stdout);
  if (request.json.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(base::UserPath(request.json), FormatJson(request, experiment, options, result));
}

}  // namespace grouppose
