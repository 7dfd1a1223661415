// Writes the evaluator's benchmark load: FOLDER/gt.json and FOLDER/dt.json.
#include <cstdio>

#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/benchmark/load.h"

namespace eval {
namespace {

absl::Status Run(const std::vector<std::string>& arguments) {
  LoadOptions options;
  std::string folder;
  int64_t seed = 1;
  base::Flags flags("generate", "Writes annotations and detections like those of COCO val2017 and a detector.");
  flags.Required("output", &folder, "FOLDER", "gets gt.json and dt.json");
  flags.Optional("images", &options.num_images, "N", "images");
  flags.Optional("persons", &options.num_persons, "N", "annotated persons with keypoints");
  flags.Optional("unlabelled", &options.num_unlabelled, "N", "annotated persons and crowds without keypoints");
  flags.Optional("detections", &options.num_detections, "N", "detections");
  flags.Optional("seed", &seed, "N", "another seed gives another load");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (options.num_images < 1) return absl::InvalidArgumentError("--images: expected at least 1");
  options.seed = static_cast<uint64_t>(seed);

  const Load load = MakeLoad(options);
  folder = base::UserPath(folder);
  RETURN_IF_ERROR(base::MakeDirectories(folder));
  RETURN_IF_ERROR(base::WriteFileAtomically(base::JoinPath(folder, "gt.json"), load.annotations));
  RETURN_IF_ERROR(base::WriteFileAtomically(base::JoinPath(folder, "dt.json"), load.detections));
  std::printf("%s: annotations %.1f MB, detections %.1f MB\n", folder.c_str(), load.annotations.size() / 1e6,
              load.detections.size() / 1e6);
  return absl::OkStatus();
}

}  // namespace
}  // namespace eval

int main(int argc, char** argv) {
  return base::RunMain("generate", [&] { return eval::Run(base::Arguments(argc, argv)); });
}
