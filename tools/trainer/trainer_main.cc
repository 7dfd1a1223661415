// The program of one cell of a study: `trainer pretrain|train FLAGS`. It links one attention scheme, runs with one
// thread and writes the same bytes every time.
#include <string>
#include <vector>

#include "base/flags.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "grouppose/config/run.h"
#include "grouppose/train/determinism.h"

namespace {

using grouppose::config::RunOptions;
using grouppose::experiments::Experiment;

absl::Status Run(const std::vector<std::string>& arguments) {
  std::string experiment_path;
  std::vector<std::string> overrides, words;
  int64_t seed = 0;
  RunOptions options;
  base::Flags flags("trainer", "Trains one cell of a study, with one thread and the same bytes every time.");
  flags.Positional(&words, "pretrain|train", "the shared pretraining, or a variant that starts from it");
  flags.Required("experiment", &experiment_path, "FILE", "experiment textproto");
  flags.Repeated("set", &overrides, "PATH=VALUE", "override of a field of the experiment");
  flags.Optional("data", &options.data_root, "DIR", "root of a COCO or CrowdPose data set; synthetic people need none");
  flags.Optional("seed", &seed, "N", "names initial values, order and augmentation");
  flags.Required("output", &options.output, "DIR", "where the results go");
  flags.Optional("init", &options.init, "FILE", "weights to start from, safetensors");
  flags.Switch("quiet", &options.quiet, "no progress on stderr");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (words.size() != 1 || (words[0] != "pretrain" && words[0] != "train")) {
    return absl::InvalidArgumentError("expected one word, pretrain or train, before the flags");
  }
  if (seed < 0) return absl::InvalidArgumentError("--seed: expected 0 or more, found " + std::to_string(seed));
  options.seed = static_cast<uint64_t>(seed);
  options.deterministic = true;
  options.cell = true;
  ASSIGN_OR_RETURN(const Experiment experiment, grouppose::experiments::LoadExperiment(experiment_path, overrides));
  if (words[0] == "pretrain") return grouppose::config::RunPretraining(experiment, options);
  return grouppose::config::RunTraining(experiment, options);
}

}  // namespace

int main(int argc, char** argv) {
  return base::RunMain("trainer", [&] {
    grouppose::train::PinEnvironment();
    return Run(base::Arguments(argc, argv));
  });
}
