#include "experiments/config_command.h"

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "experiments/differences.h"
#include "experiments/experiment.h"
#include "experiments/field_comments.h"

namespace grouppose::experiments {
namespace {

constexpr char kUsage[] = R"(grouppose config: looks at experiments without running them.

Usage: grouppose config SUBCOMMAND ...

  show FILE [--set path=value]...   the resolved experiment, every field explicit
  explain [PATH]...                 type, default, meaning and values of a field
  diff A [B] [--set path=value]...  where two experiments differ

FILE, A and B are textprotos or folders of runs.

`grouppose config SUBCOMMAND --help` says more.
)";

constexpr char kSetHelp[] = "changes a field, such as training.optimizer.learning_rate=1e-3";

// A textproto, or the one that a run left in its folder.
std::string FileOf(const std::string& argument) {
  const std::string path = base::UserPath(argument);
  return base::IsDirectory(path) ? base::JoinPath(path, "experiment.textproto") : path;
}

absl::Status Show(const std::vector<std::string>& arguments, std::ostream& out) {
  std::vector<std::string> files, overrides;
  std::string experiment_file;
  base::Flags flags("grouppose config show", "Prints the resolved experiment, every field explicit.");
  flags.Positional(&files, "FILE", "the experiment's textproto, or the folder of a run");
  flags.Optional("experiment", &experiment_file, "FILE", "the same, named as for `grouppose train`");
  flags.Repeated("set", &overrides, "path=value", kSetHelp);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (!experiment_file.empty()) files.push_back(experiment_file);
  if (files.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("config show: expected one FILE, found ", files.size()));
  }
  ASSIGN_OR_RETURN(const Experiment experiment, LoadExperiment(FileOf(files[0]), overrides));
  out << ResolvedText(experiment);
  return absl::OkStatus();
}

absl::Status Explain(const std::vector<std::string>& arguments, std::ostream& out) {
  std::vector<std::string> paths;
  base::Flags flags("grouppose config explain", "Prints what fields of an experiment mean.");
  flags.Positional(&paths, "[PATH]...", "fields, such as model.self_attention; none: the whole");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (paths.empty()) paths.push_back("");
  for (size_t i = 0; i < paths.size(); ++i) {
    ASSIGN_OR_RETURN(const std::string text, ExplainField(paths[i]));
    out << (i > 0 ? "\n" : "") << text;
  }
  return absl::OkStatus();
}

absl::Status Diff(const std::vector<std::string>& arguments, std::ostream& out) {
  std::vector<std::string> files, overrides;
  base::Flags flags("grouppose config diff",
                    "Prints the fields whose resolved values differ; exit 0 when none does, 1 when some do.");
  flags.Positional(&files, "A [B]", "textprotos or folders of runs; without B, A is compared with A under --set");
  flags.Repeated("set", &overrides, "path=value", absl::StrCat(kSetHelp, ", in B"));
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (files.empty() || files.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat("config diff: expected A and B, found ", files.size(), " files"));
  }
  ASSIGN_OR_RETURN(const Experiment left, LoadExperiment(FileOf(files.front())));
  ASSIGN_OR_RETURN(const Experiment right, LoadExperiment(FileOf(files.back()), overrides));
  const std::vector<Difference> differences = Differences(left, right);
  for (const Difference& difference : differences) {
    out << difference.path << ": " << difference.left << " -> " << difference.right << "\n";
  }
  if (differences.empty()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("config diff: ", differences.size(), differences.size() == 1 ? " field differs" : " fields differ"));
}

}  // namespace

absl::Status RunConfigCommand(const std::vector<std::string>& arguments, std::ostream& out) {
  if (arguments.empty()) return absl::InvalidArgumentError("config: expected show, explain or diff (--help says more)");
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  const std::string& subcommand = arguments[0];
  if (subcommand == "--help" || subcommand == "-h" || subcommand == "help") {
    out << kUsage;
    return absl::OkStatus();
  }
  if (subcommand == "show") return Show(rest, out);
  if (subcommand == "explain") return Explain(rest, out);
  if (subcommand == "diff") return Diff(rest, out);
  const std::string nearest = base::NearestName(subcommand, {"show", "explain", "diff"});
  return absl::InvalidArgumentError(absl::StrCat("config: unknown subcommand '", subcommand, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                                                 " (show, explain, diff)"));
}

}  // namespace grouppose::experiments
