#include "eval/gate_command.h"

#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/gate.h"
#include "eval/workspace_commit.h"
#include "experiments/textproto.h"

namespace eval {
namespace {

using grouppose::experiments::ReadTextproto;
using grouppose::experiments::WriteTextproto;

absl::Status Update(const std::string& baseline_path, const std::vector<Measurement>& runs, double tolerance,
                    const std::string& commit) {
  const std::optional<std::string> of_runs = commit.empty() ? WorkspaceCommit() : commit;
  if (!of_runs.has_value()) {
    return absl::InvalidArgumentError(
        "--update: expected --commit=HASH with it, for there is no workspace to ask git about");
  }
  const std::string path = base::UserPath(baseline_path);
  AccuracyBaseline previous;
  if (base::FileExists(path)) RETURN_IF_ERROR(ReadTextproto(path, &previous));
  ASSIGN_OR_RETURN(const AccuracyBaseline baseline, MakeBaseline(runs, previous, tolerance, *of_runs));
  RETURN_IF_ERROR(WriteTextproto(path, baseline));
  std::printf("%s: %d metrics of %zu runs\n", baseline_path.c_str(), baseline.metrics_size(), runs.size());
  return absl::OkStatus();
}

absl::Status Check(const std::string& baseline_path, const Measurement& measurement,
                   const std::string& update_command) {
  AccuracyBaseline baseline;
  RETURN_IF_ERROR(ReadTextproto(base::UserPath(baseline_path), &baseline));
  ASSIGN_OR_RETURN(const Gate gate, CheckGate(baseline, baseline_path, measurement));
  const std::string update =
      !update_command.empty()
          ? update_command
          : absl::StrCat("pose_eval gate --update --baseline=", baseline_path, " --metrics=RUN1 --metrics=RUN2 ...");
  std::fputs(FormatGate(gate, baseline, update).c_str(), stdout);
  if (gate.passed()) return absl::OkStatus();
  // not wrong usage: exit 1
  return absl::AbortedError(absl::StrCat(measurement.source, ": worse than ", baseline_path, " allows"));
}

}  // namespace

absl::Status RunGate(const std::vector<std::string>& arguments) {
  std::string baseline_path, commit, update_command;
  std::vector<std::string> metrics_paths;
  bool update = false;
  double tolerance = 0;
  base::Flags flags("pose_eval gate", kGateDescription);
  flags.Required("baseline", &baseline_path, "BASELINE.textproto", "recorded runs: eval/gate.proto");
  flags.Repeated("metrics", &metrics_paths, "FILE",
                 "metrics.textproto of a run, or .json of `pose_eval score`; one, or with --update one of each run");
  flags.Switch("update", &update, "record the runs as the new baseline instead of checking");
  flags.Optional("commit", &commit, "HASH",
                 "with --update: the commit that was run; without it the workspace's, if Bazel runs this");
  flags.Optional("tolerance", &tolerance, "X",
                 "with --update, where there is no baseline yet: stated for every metric");
  flags.Optional("update_command", &update_command, "COMMAND",
                 "what to tell where a run is better than recorded, instead of this program's own command");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (!update && metrics_paths.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--metrics: expected one file (several with --update), found ", metrics_paths.size()));
  }
  std::vector<Measurement> runs;
  for (const std::string& path : metrics_paths) {
    ASSIGN_OR_RETURN(Measurement measurement, ReadMeasurement(base::UserPath(path)));
    runs.push_back(std::move(measurement));
  }
  return update ? Update(baseline_path, runs, tolerance, commit) : Check(baseline_path, runs[0], update_command);
}

}  // namespace eval
