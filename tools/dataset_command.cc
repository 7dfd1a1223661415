#include "tools/dataset_command.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/join.h"
#include "experiments/experiment.h"
#include "grouppose/config/options.h"
#include "grouppose/data/synthesize.h"
#include "tools/dataset_check_command.h"

namespace grouppose {
namespace {

constexpr char kHelp[] =
    "grouppose dataset: data sets on disk.\n\n"
    "Usage: grouppose dataset SUBCOMMAND [flags]\n\n"
    "  check\n      say what is missing, broken or inconsistent\n"
    "  synthesize\n      draw synthetic people as a COCO folder\n"
    "  concat\n      join annotation files, such as CrowdPose's train and val\n";

absl::Status RunSynthesize(const std::vector<std::string>& arguments) {
  std::string experiment_path, output;
  std::vector<std::string> overrides;
  base::Flags flags(
      "grouppose dataset synthesize",
      "Draws the synthetic people of an experiment: annotations/person_keypoints_{train,val}2017.json and "
      "images/{train,val}2017/*.png. val holds the experiment's test images.");
  flags.Required("experiment", &experiment_path, "FILE", "experiment textproto whose data.synthetic says what to draw");
  flags.Repeated("set", &overrides, "PATH=VALUE",
                 "override of a field, such as data.synthetic.max_persons=5 or data.synthetic.train_images=100");
  flags.Required("output", &output, "DIR", "folder to write; made where it is missing");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const experiments::Experiment experiment,
                   experiments::LoadExperiment(base::UserPath(experiment_path), overrides));
  const experiments::SyntheticPeople& synthetic = experiment.data().synthetic();
  SynthesizeOptions options;
  options.people = config::SyntheticOptions(synthetic);
  options.train_images = synthetic.train_images();
  options.val_images = synthetic.test_images();
  options.train_seed = synthetic.train_seed();
  options.val_seed = synthetic.test_seed();
  options.output = base::UserPath(output);
  RETURN_IF_ERROR(Synthesize(options));
  std::printf("%s: %d training and %d validation images of %d pixels\n", options.output.c_str(),
              synthetic.train_images(), synthetic.test_images(), synthetic.image_size());
  return absl::OkStatus();
}

absl::Status RunConcat(const std::vector<std::string>& arguments) {
  std::vector<std::string> inputs;
  std::string output;
  base::Flags flags("grouppose dataset concat",
                    "Joins annotation files of one data set, such as crowdpose_train.json and crowdpose_val.json into "
                    "the crowdpose_trainval.json that CrowdPose is trained on.");
  flags.Positional(&inputs, "FILE FILE...", "annotations in COCO's format, without a common image");
  flags.Required("output", &output, "FILE", "the file to write");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (inputs.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset concat: expected two files or more, found ", inputs.size()));
  }
  std::vector<eval::Dataset> parts;
  for (const std::string& input : inputs) {
    ASSIGN_OR_RETURN(eval::Dataset part, eval::ReadDataset(base::UserPath(input)));
    parts.push_back(std::move(part));
  }
  const absl::StatusOr<eval::Dataset> joined = eval::Join(parts);
  if (!joined.ok()) {
    return absl::Status(joined.status().code(),
                        absl::StrCat(absl::StrJoin(inputs, ", "), ": ", std::string(joined.status().message())));
  }
  RETURN_IF_ERROR(eval::WriteDataset(base::UserPath(output), *joined));
  std::printf("%s: %zu images, %zu annotations\n", output.c_str(), joined->images.size(), joined->annotations.size());
  return absl::OkStatus();
}

}  // namespace

absl::Status RunDatasetCommand(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return absl::InvalidArgumentError("dataset: expected a subcommand; --help lists them");
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    std::fputs(kHelp, stdout);
    return absl::OkStatus();
  }
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (arguments[0] == "check") return RunDatasetCheck(rest);
  if (arguments[0] == "synthesize") return RunSynthesize(rest);
  if (arguments[0] == "concat") return RunConcat(rest);
  const std::string nearest = base::NearestName(arguments[0], {"check", "synthesize", "concat"});
  return absl::InvalidArgumentError(absl::StrCat("dataset: unknown subcommand '", arguments[0], "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

}  // namespace grouppose
