// pose_eval: scores keypoint detections as the official tools do. `pose_eval --help` lists the subcommands.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/compare_command.h"
#include "eval/explain_command.h"
#include "eval/gate_command.h"
#include "eval/score_command.h"

namespace eval {
namespace {

// Each is a file of its own: NAME_command.h.
struct Subcommand {
  const char* name;
  const char* description;
  absl::Status (*run)(const std::vector<std::string>& arguments);
};
constexpr Subcommand kSubcommands[] = {
    {"score", kScoreDescription, RunScore},
    {"explain", kExplainDescription, RunExplain},
    {"compare", kCompareDescription, RunCompare},
    {"gate", kGateDescription, RunGate},
};

void PrintHelp() {
  std::printf(
      "pose_eval: evaluation of keypoint detections, COCO and CrowdPose\n\nUsage: pose_eval SUBCOMMAND [flags]\n\n");
  for (const Subcommand& subcommand : kSubcommands) {
    std::printf("  %-8s %s\n", subcommand.name, subcommand.description);
  }
  std::printf("\n`pose_eval SUBCOMMAND --help` lists the flags.\n");
}

absl::Status Run(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    return absl::InvalidArgumentError("expected a subcommand (`pose_eval --help` lists them)");
  }
  const std::string name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    PrintHelp();
    return absl::OkStatus();
  }
  arguments.erase(arguments.begin());
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) {
    if (name == subcommand.name) return subcommand.run(arguments);
    names.push_back(subcommand.name);
  }
  const std::string nearest = base::NearestName(name, names);
  return absl::InvalidArgumentError(absl::StrCat("unknown subcommand '", name, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                                                 " (`pose_eval --help` lists them)"));
}

}  // namespace
}  // namespace eval

int main(int argc, char** argv) {
  return base::RunMain("pose_eval", [&] { return eval::Run(base::Arguments(argc, argv)); });
}
