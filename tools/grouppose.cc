// grouppose: train, evaluate, predict, config, dataset, checkpoint, parity, benchmark. `grouppose SUBCOMMAND --help`
// says more.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "experiments/config_command.h"
#include "experiments/experiment.h"
#include "grouppose/config/dry_run.h"
#include "grouppose/config/prediction.h"
#include "grouppose/config/run.h"
#include "grouppose/train/determinism.h"
#include "tools/benchmark_command.h"
#include "tools/checkpoint_command.h"
#include "tools/dataset_command.h"
#include "tools/parity_command.h"

namespace {

using grouppose::config::RunOptions;
using grouppose::experiments::Experiment;
using Arguments = std::vector<std::string>;

// More than any machine has; a larger number is a slip of the keyboard.
constexpr int64_t kMaxThreads = 4096;

// The flags that every run has.
struct RunFlags {
  std::string experiment;
  std::vector<std::string> overrides;
  std::string device = "cpu";
  int64_t seed = 42, threads = 0;
  RunOptions options;

  void AddTo(base::Flags* flags, bool with_data = true) {
    flags->Required("experiment", &experiment, "FILE", "experiment textproto, such as experiments/tiny.textproto");
    flags->Repeated("set", &overrides, "PATH=VALUE",
                    "override of a field of the experiment, such as training.optimizer.learning_rate=5e-4");
    if (with_data) {
      flags->Optional("data", &options.data_root, "ROOT",
                      "folder with annotations/ (CrowdPose: json/) and images/; not used by synthetic experiments");
    }
    flags->Required("output", &options.output, "DIR",
                    "folder for results, made where it is missing; one that holds another training is refused");
    flags->Optional("device", &device, "cpu", "where tensors live; cpu is what this build has");
    flags->Optional("threads", &threads, "N", "threads of one operator; 0 takes all cores");
  }

  absl::StatusOr<Experiment> Resolve() {
    if (device != "cpu") {
      return absl::InvalidArgumentError(absl::StrCat("--device=", device, ": this build runs on cpu only"));
    }
    if (threads < 0 || threads > kMaxThreads) {
      return absl::InvalidArgumentError(absl::StrCat("--threads=", threads, ": expected 0 to ", kMaxThreads));
    }
    if (options.deterministic && threads > 1) {
      return absl::InvalidArgumentError(absl::StrCat("--threads=", threads, ": --deterministic runs with one thread"));
    }
    if (seed < 0) return absl::InvalidArgumentError(absl::StrCat("--seed=", seed, ": expected 0 or more"));
    if (!options.init_ignore.empty() && options.init.empty()) {
      return absl::InvalidArgumentError(
          "--init_ignore: expected with --init=FILE, from which it leaves out parameters");
    }
    if (options.init_lenient && options.init.empty()) {
      return absl::InvalidArgumentError("--init_lenient: expected with --init=FILE");
    }
    for (const std::string& keyword : options.init_ignore) {
      if (keyword.empty()) return absl::InvalidArgumentError("--init_ignore: '' is a part of every name");
    }
    if (options.deterministic) grouppose::train::PinEnvironment();
    options.seed = static_cast<uint64_t>(seed);
    options.threads = static_cast<int>(threads);
    options.output = base::UserPath(options.output);
    options.data_root = base::UserPath(options.data_root);
    options.init = base::UserPath(options.init);
    options.init_backbone = base::UserPath(options.init_backbone);
    if (options.resume != "auto") options.resume = base::UserPath(options.resume);
    return grouppose::experiments::LoadExperiment(base::UserPath(experiment), overrides);
  }
};

constexpr char kDryRunHelp[] =
    "resolve, check and build everything, say what would be done, write nothing; data and weights that are not there "
    "are "
    "not looked at";

constexpr char kWeightsHelp[] =
    "which state dict of a .pth file: model, or the file itself, where it is not given; ema_model is the moving "
    "average";

absl::Status Print(const absl::StatusOr<std::string>& text) {
  if (text.ok()) std::fputs(text->c_str(), stdout);
  return text.status();
}

absl::Status Train(const Arguments& arguments) {
  RunFlags run;
  bool dry_run = false;
  base::Flags flags("grouppose train",
                    "Trains a model and evaluates it. Writes experiment, provenance, metrics, times (textproto), "
                    "log.jsonl, results.json and checkpoints/ into the output folder.");
  run.AddTo(&flags);
  flags.Optional("seed", &run.seed, "N", "names initial values, order and augmentation");
  flags.Optional("init", &run.options.init, "FILE",
                 "weights to start from, safetensors or .pth: a whole model, or those of a pretraining; replaces the "
                 "pretraining of the experiment");
  flags.Repeated("init_ignore", &run.options.init_ignore, "KEYWORD",
                 "parameters of --init that are not loaded, by a part of their names");
  flags.Switch("init_lenient", &run.options.init_lenient,
               "pass over names that only --init or only the model has, with a warning for each");
  flags.Optional("weights", &run.options.weights, "KEY", kWeightsHelp);
  flags.Optional(
      "init_backbone", &run.options.init_backbone, "FILE",
      "ImageNet weights of the backbone alone, safetensors or .pth, named as torchvision's ResNet-50 or the official "
      "Swin names them");
  flags.Optional("resume", &run.options.resume, "auto|FILE",
                 "go on where a run stopped: auto takes checkpoints/latest.safetensors of the output folder if it is "
                 "there");
  flags.Switch("deterministic", &run.options.deterministic, "one thread, AVX2 kernels: the same bytes on every run");
  flags.Switch("quiet", &run.options.quiet, "no progress on stderr");
  flags.Switch("dry_run", &dry_run, kDryRunHelp);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Experiment experiment, run.Resolve());
  if (dry_run) return Print(grouppose::config::DescribeTraining(experiment, run.options));
  return grouppose::config::RunTraining(experiment, run.options);
}

absl::Status Evaluate(const Arguments& arguments) {
  RunFlags run;
  std::string checkpoint, split;
  bool dry_run = false;
  base::Flags flags(
      "grouppose evaluate",
      "Evaluates a checkpoint. Writes experiment, provenance, metrics, times (textproto) and results.json "
      "into the output folder. Prints how the numbers differ from the published row that the experiment names.");
  run.AddTo(&flags);
  flags.Required("checkpoint", &checkpoint, "FILE", "weights, safetensors or .pth");
  flags.Optional("weights", &run.options.weights, "KEY", kWeightsHelp);
  flags.Optional("split", &split, "NAME",
                 "train or val; of CrowdPose train or test; of synthetic people train, tuning or test; of another data "
                 "set what its description says; the experiment's where it is not given");
  flags.Switch("deterministic", &run.options.deterministic, "one thread, AVX2 kernels: the same bytes on every run");
  flags.Switch("quiet", &run.options.quiet, "no progress on stderr");
  flags.Switch("dry_run", &dry_run, kDryRunHelp);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Experiment experiment, run.Resolve());
  if (dry_run) {
    return Print(grouppose::config::DescribeEvaluation(experiment, base::UserPath(checkpoint), split, run.options));
  }
  return grouppose::config::RunEvaluation(experiment, base::UserPath(checkpoint), split, run.options);
}

absl::Status Predict(const Arguments& arguments) {
  RunFlags run;
  grouppose::config::PredictionOptions prediction;
  std::vector<std::string> more_images;
  base::Flags flags("grouppose predict",
                    "Finds the persons on pictures. Writes results.json (COCO results), images.json (the pictures' ids "
                    "and sizes), drawings/, and experiment, provenance, times (textproto) into the output folder; "
                    "prints a line for each picture.");
  run.AddTo(&flags, /*with_data=*/false);
  flags.Required("checkpoint", &prediction.checkpoint, "FILE", "weights, safetensors or .pth");
  flags.Optional("weights", &run.options.weights, "KEY", kWeightsHelp);
  flags.Repeated("images", &prediction.images, "PATH", "a picture (JPEG, PNG), or a folder of them");
  flags.Positional(&more_images, "PATH", "further pictures and folders");
  flags.Optional("threshold", &prediction.threshold, "T",
                 "score of the poses that are drawn and counted; results.json has all");
  flags.Switch("deterministic", &run.options.deterministic, "one thread, AVX2 kernels: the same bytes on every run");
  flags.Switch("quiet", &run.options.quiet, "no progress on stderr");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  prediction.images.insert(prediction.images.end(), more_images.begin(), more_images.end());
  if (prediction.images.empty()) return absl::InvalidArgumentError("--images=PATH: expected a picture or a folder");
  if (!(prediction.threshold >= 0 && prediction.threshold <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("--threshold=", prediction.threshold, ": expected 0 to 1"));
  }
  prediction.checkpoint = base::UserPath(prediction.checkpoint);
  for (std::string& path : prediction.images) path = base::UserPath(path);
  ASSIGN_OR_RETURN(const Experiment experiment, run.Resolve());
  return grouppose::config::RunPrediction(experiment, prediction, run.options);
}

struct Subcommand {
  const char* name;
  const char* help;
  absl::Status (*run)(const Arguments&);
};

constexpr Subcommand kSubcommands[] = {
    {"train", "train a model from an experiment textproto", Train},
    {"evaluate", "evaluate a checkpoint on a data set", Evaluate},
    {"predict", "find the persons on pictures, and draw them", Predict},
    {"config", "show, explain and compare experiments",
     [](const Arguments& arguments) { return grouppose::experiments::RunConfigCommand(arguments); }},
    {"dataset", "check data sets, draw synthetic people, join annotation files", grouppose::RunDatasetCommand},
    {"checkpoint", "list, convert and compare files of weights",
     [](const Arguments& arguments) { return grouppose::RunCheckpointCommand(arguments); }},
    {"parity", "compare this build with recorded outputs of the official implementation", grouppose::RunParityCommand},
    {"benchmark", "time a step of a model, stage by stage", grouppose::RunBenchmarkCommand},
};

std::string Help() {
  std::string text =
      "grouppose: multi-person pose estimation with group self-attention.\n\n"
      "Usage: grouppose SUBCOMMAND [flags]\n\n";
  for (const Subcommand& subcommand : kSubcommands) {
    absl::StrAppend(&text, "  ", subcommand.name, "\n      ", subcommand.help, "\n");
  }
  return text +
         "\n`grouppose SUBCOMMAND --help` lists its flags. Relative paths are taken from the folder you stand in.\n";
}

absl::Status Run(const Arguments& arguments) {
  if (arguments.empty()) return absl::InvalidArgumentError("expected a subcommand; --help lists them");
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    std::fputs(Help().c_str(), stdout);
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) {
    if (arguments[0] == subcommand.name) return subcommand.run(Arguments(arguments.begin() + 1, arguments.end()));
    names.push_back(subcommand.name);
  }
  const std::string nearest = base::NearestName(arguments[0], names);
  return absl::InvalidArgumentError(absl::StrCat("unknown subcommand '", arguments[0], "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                                                 " (--help lists them)"));
}

}  // namespace

int main(int argc, char** argv) {
  return base::RunMain("grouppose", [&] { return Run(base::Arguments(argc, argv)); });
}
