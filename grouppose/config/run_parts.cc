#include "grouppose/config/run_parts.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/checkpoint/load.h"
#include "grouppose/checkpoint/mapped_file.h"
#include "grouppose/config/backbone_weights.h"
#include "grouppose/config/checkpoint_arguments.h"
#include "grouppose/config/options.h"
#include "grouppose/config/pretraining.h"
#include "grouppose/train/determinism.h"

namespace grouppose::config {
namespace {

using checkpoint::Checkpoint;
using experiments::Experiment;

using checkpoint::kAveragePrefix;
using checkpoint::kOptimizerPrefix;

// A state to resume from.
absl::StatusOr<checkpoint::TensorFile> ReadState(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, checkpoint::MappedFile::Open(path));
  const absl::StatusOr<checkpoint::FileFormat> format = checkpoint::FormatOf(*file);
  if (format.ok() && *format != checkpoint::FileFormat::kSafetensors) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": found a file of ", checkpoint::FormatName(*format),
                                                   ", expected a state that training saved; --init starts from the "
                                                   "weights of other files"));
  }
  return checkpoint::ReadSafetensors(file);
}

// A photo takes milliseconds to decode, a drawn image is in memory.
int PrefetchOf(const Experiment& experiment) {
  return experiment.data().source() == experiments::Data::SYNTHETIC ? 0 : 4;
}

// A keyword that no name contains is a slip of the keyboard.
absl::Status CheckIgnored(const Checkpoint& weights, const RunOptions& options, const GroupPose& model) {
  for (const std::string& keyword : options.init_ignore) {
    const bool is_given = std::any_of(weights.tensors.begin(), weights.tensors.end(),
                                      [&](const auto& entry) { return absl::StrContains(entry.first, keyword); });
    if (is_given || !IgnoredNames(model, {keyword}).empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--init_ignore=", keyword, ": expected a part of the name of a parameter, found none with it"));
  }
  return absl::OkStatus();
}

}  // namespace

void SetThreads(const RunOptions& options) {
  if (options.deterministic) {
    train::UseDeterministicAlgorithms();
    return;
  }
  at::set_num_threads(options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency()));
}

base::ProgressOptions ProgressOf(const RunOptions& options) {
  base::ProgressOptions progress;
  if (options.quiet) progress.style = base::ProgressOptions::kQuiet;
  return progress;
}

LoaderOptions LoaderOf(const Experiment& experiment, int64_t batch_size, uint64_t seed) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.seed = seed;
  options.transforms = TransformsOf(experiment.data().augmentation());
  options.prefetch = PrefetchOf(experiment);
  return options;
}

absl::Status CheckScheme(const GroupPoseOptions& options) {
  if (options.transformer.decoder_layers == 0) return absl::OkStatus();
  const auto scheme = FindAttentionScheme(options.transformer.attention_scheme);
  if (scheme.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("model.self_attention: ", std::string(scheme.status().message())));
}

void CountParameters(const GroupPose& model, experiments::Metrics* metrics) {
  int64_t trainable = 0, decoder = 0;
  for (const nn::NamedTensor& named : model.Parameters()) {
    if (!named.tensor.requires_grad()) continue;
    trainable += named.tensor.numel();
    if (absl::StartsWith(named.name, "transformer.decoder.layers.")) decoder += named.tensor.numel();
  }
  metrics->set_trainable_parameters(trainable);
  metrics->set_decoder_parameters(decoder);
  const TransformerOptions& options = model.options().transformer;
  if (options.decoder_layers == 0) return;
  // one block of the scheme, as every decoder layer has it
  const auto factory = FindAttentionScheme(options.attention_scheme);
  const auto scheme = (*factory)({options.hidden_dim, options.num_heads, options.dropout});
  int64_t attention = 0;
  for (const nn::NamedTensor& named : scheme->Parameters()) attention += named.tensor.numel();
  metrics->set_attention_parameters(attention * options.decoder_layers);
  metrics->set_attention_pairs(scheme->AttentionPairs(options.num_queries, options.num_keypoints) *
                               options.decoder_layers);
}

Weights WeightsOf(const GroupPose& model) {
  std::map<std::string, at::Tensor> tensors;
  for (const nn::NamedTensor& named : model.StateDict()) tensors[named.name] = named.tensor.detach();
  return tensors;
}

absl::StatusOr<Checkpoint> ReadWeights(const std::string& path, const Experiment& experiment,
                                       const RunOptions& options) {
  checkpoint::ReadOptions read;
  read.weights = options.weights;
  ASSIGN_OR_RETURN(Checkpoint weights, checkpoint::ReadCheckpoint(path, read));
  if (!options.quiet && weights.taken == "ema_model") {
    std::fprintf(stderr, "%s: the moving average of the weights\n", path.c_str());
  }
  for (const std::string& line : Disagreements(weights.arguments, experiment)) {
    std::fprintf(stderr, "warning: %s: %s\n", path.c_str(), line.c_str());
  }
  return weights;
}

absl::Status LoadCheckpoint(const std::string& path, const Experiment& experiment, const RunOptions& options,
                            GroupPose* model) {
  ASSIGN_OR_RETURN(const Checkpoint weights, ReadWeights(path, experiment, options));
  checkpoint::LoadOptions load;
  load.source = weights.Source();
  return checkpoint::LoadIntoModule(weights.tensors, *model, load);
}

std::vector<std::string> IgnoredNames(const GroupPose& model, const std::vector<std::string>& keywords) {
  std::vector<std::string> ignored;
  for (const nn::NamedTensor& named : model.StateDict()) {
    const bool is_ignored = std::any_of(keywords.begin(), keywords.end(), [&](const std::string& keyword) {
      return absl::StrContains(named.name, keyword);
    });
    if (is_ignored) ignored.push_back(named.name);
  }
  return ignored;
}

absl::Status LoadInitial(const Experiment& experiment, const RunOptions& options, GroupPose* model) {
  ASSIGN_OR_RETURN(const Checkpoint weights, ReadWeights(options.init, experiment, options));
  RETURN_IF_ERROR(CheckIgnored(weights, options, *model));
  const bool has_decoder = std::any_of(weights.tensors.begin(), weights.tensors.end(), [](const auto& entry) {
    return absl::StartsWith(entry.first, "transformer.decoder.");
  });
  if (!has_decoder && options.init_ignore.empty() && !options.init_lenient) {
    return LoadPretrained(weights.tensors, weights.Source(), model);
  }
  std::vector<std::string> passed_over;
  checkpoint::LoadOptions load;
  load.source = weights.Source();
  load.ignored = options.init_ignore;
  load.strict = !options.init_lenient;
  load.passed_over = &passed_over;
  RETURN_IF_ERROR(checkpoint::LoadIntoModule(weights.tensors, *model, load));
  for (const std::string& line : passed_over)
    std::fprintf(stderr, "warning: %s: %s\n", options.init.c_str(), line.c_str());
  if (!options.quiet) {
    for (const std::string& name : IgnoredNames(*model, options.init_ignore)) {
      std::fprintf(stderr, "%s: left at its initial values: %s\n", options.init.c_str(), name.c_str());
    }
  }
  return absl::OkStatus();
}

absl::Status LoadBackbone(const RunOptions& options, GroupPose* model) {
  ASSIGN_OR_RETURN(const Checkpoint given, checkpoint::ReadCheckpoint(options.init_backbone));
  const SwinOptions* swin = std::get_if<SwinOptions>(&model->options().backbone);
  ASSIGN_OR_RETURN(const BackboneWeights weights,
                   LoadBackboneWeights(given.tensors, given.Source(), model->backbone(),
                                       /*dilated_swin=*/swin != nullptr && swin->dilation));
  if (!options.quiet) std::fprintf(stderr, "%s: %s\n", given.Source().c_str(), weights.Text().c_str());
  return absl::OkStatus();
}

absl::StatusOr<std::string> LoadStart(const Experiment& experiment, const RunOptions& options, GroupPose* model) {
  if (!options.init.empty() && !options.init_backbone.empty()) {
    return absl::InvalidArgumentError("--init and --init_backbone: expected one of the two");
  }
  if (!options.init_backbone.empty() && HasPretraining(experiment)) {
    return absl::InvalidArgumentError(absl::StrCat("--init_backbone: ", experiment.name(),
                                                   " pretrains its backbone; expected pretraining.heatmap.steps "
                                                   "and pretraining.stage_one.steps to be 0"));
  }
  if (!options.init_backbone.empty()) {
    RETURN_IF_ERROR(LoadBackbone(options, model));
    return base::Sha256OfFile(options.init_backbone);
  }
  if (options.init.empty()) return "";
  RETURN_IF_ERROR(LoadInitial(experiment, options, model));
  return base::Sha256OfFile(options.init);
}

std::map<std::string, std::string> IdentityOf(const Experiment& experiment, const RunOptions& options) {
  return {{"experiment", experiments::ResolvedText(experiment)}, {"seed", absl::StrCat(options.seed)}};
}

absl::StatusOr<std::optional<ResumePoint>> FindResumePoint(const Experiment& experiment, const RunOptions& options) {
  if (options.resume.empty()) return std::optional<ResumePoint>();
  ResumePoint point;
  point.path = options.resume == "auto" ? base::JoinPath(options.output, kStateFile) : options.resume;
  if (options.resume == "auto" && !base::FileExists(point.path)) return std::optional<ResumePoint>();
  ASSIGN_OR_RETURN(point.file, ReadState(point.path));
  const std::string& step = point.file.metadata["training_step"];
  if (!absl::SimpleAtoi(step, &point.step)) {
    return absl::InvalidArgumentError(
        absl::StrCat(point.path, ": metadata 'training_step' is '", step, "'; expected a state that training saved"));
  }
  // resolved anew: fields that this program has and the one that saved it had not take their defaults
  const absl::StatusOr<Experiment> saved =
      experiments::ParseExperiment(point.file.metadata["experiment"], absl::StrCat("experiment in ", point.path));
  if (!saved.ok() || experiments::ResolvedText(*saved) != experiments::ResolvedText(experiment)) {
    return absl::InvalidArgumentError(absl::StrCat(
        point.path, ": was saved by another experiment than ", experiment.name(), " as it is now; compare ",
        base::JoinPath(options.output, "experiment.textproto"), " or start a new --output"));
  }
  if (point.file.metadata["seed"] != absl::StrCat(options.seed)) {
    return absl::InvalidArgumentError(absl::StrCat(point.path, ": was saved with --seed=", point.file.metadata["seed"],
                                                   ", this run has --seed=", options.seed));
  }
  return std::optional<ResumePoint>(std::move(point));
}

absl::Status CheckNoRunIsLost(const RunOptions& options) {
  const std::string state = base::JoinPath(options.output, kStateFile);
  if (options.cell || !options.resume.empty() || !base::FileExists(state)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(state, ": a training is there; expected --resume=auto to go on with it, or another --output"));
}

absl::Status CheckNoTrainingIsThere(const RunOptions& options) {
  if (!base::FileExists(base::JoinPath(options.output, "log.jsonl"))) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(options.output,
                   ": is the folder of a training, whose metrics and results would be overwritten; "
                   "expected another --output, such as ",
                   base::JoinPath(options.output, "evaluation")));
}

absl::Status SaveState(const Experiment& experiment, const RunOptions& options, const GroupPose& model,
                       const train::AdamW& optimizer, const std::optional<train::WeightAverage>& average, int64_t step,
                       const std::string& initial_sha256, const std::string& path) {
  std::map<std::string, at::Tensor> tensors = WeightsOf(model);
  for (const auto& [name, tensor] : optimizer.State()) tensors[kOptimizerPrefix + name] = tensor;
  if (average.has_value()) {
    for (const auto& [name, tensor] : average->State()) tensors[kAveragePrefix + name] = tensor;
  }
  std::map<std::string, std::string> metadata = IdentityOf(experiment, options);
  metadata["training_step"] = absl::StrCat(step);
  if (!initial_sha256.empty()) metadata[kInitialSha256] = initial_sha256;
  return checkpoint::WriteSafetensors(path, tensors, metadata);
}

absl::Status RestoreState(const ResumePoint& point, const GroupPose& model, train::AdamW* optimizer,
                          std::optional<train::WeightAverage>* average) {
  std::map<std::string, at::Tensor> weights, state, averages;
  for (const auto& [name, tensor] : point.file.tensors) {
    if (absl::StartsWith(name, kOptimizerPrefix)) {
      state[name.substr(sizeof(kOptimizerPrefix) - 1)] = tensor;
    } else if (absl::StartsWith(name, kAveragePrefix)) {
      averages[name.substr(sizeof(kAveragePrefix) - 1)] = tensor;
    } else {
      weights[name] = tensor;
    }
  }
  checkpoint::LoadOptions load;
  load.source = point.path;
  RETURN_IF_ERROR(checkpoint::LoadIntoModule(weights, model, load));
  if (average->has_value()) RETURN_IF_ERROR((*average)->LoadState(averages));
  return optimizer->LoadState(state);
}

}  // namespace grouppose::config
