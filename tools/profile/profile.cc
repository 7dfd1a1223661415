// profile: which kernel became faster or slower from one commit to another. `profile --help` says more, and README.md
// how it is measured and how to read a verdict.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "tools/profile/bisect.h"
#include "tools/profile/format.h"
#include "tools/profile/gate.h"
#include "tools/profile/report.h"
#include "tools/profile/workshop.h"

namespace profile {
namespace {

using Arguments = std::vector<std::string>;

constexpr char kUsage[] =
    "Compares the kernels of two commits: which became slower, which faster, and why.\n"
    "\n"
    "  profile [--base=REV --head=REV]    two revisions; without them the work tree against HEAD\n"
    "  profile --commits=A..B             every commit after A up to B against its parent\n"
    "  profile record [--commits=A..B]    the same for the history: commits that it has are passed over\n"
    "  profile report --output=FILE       the history as a page\n"
    "  profile gate --base=REV --head=REV exit code 1 where a kernel became slower\n"
    "  profile bisect --good=REV --bad=REV --benchmark=RE    the commit that made it slower\n"
    "\n"
    "`profile SUBCOMMAND --help` lists flags; `profile compare --help` those of the first two.\n";

// Says what failed to build and goes on with the rest.
absl::Status SkipBroken(const absl::Status& status, const Revision& head, History* history) {
  if (!absl::IsFailedPrecondition(status)) return status;
  Say(absl::StrCat(std::string(status.message()), "; skipped"));
  return history->PutBrokenRevision(head, std::string(status.message()));
}

absl::StatusOr<std::pair<std::string, std::string>> SplitRange(const std::string& commits) {
  const size_t dots = commits.find("..");
  if (dots == std::string::npos || dots == 0 || dots + 2 >= commits.size() || commits[dots + 2] == '.') {
    return absl::InvalidArgumentError(absl::StrCat("--commits=", commits, ": expected A..B, such as main~5..main"));
  }
  return std::make_pair(commits.substr(0, dots), commits.substr(dots + 2));
}

// Each commit of A..B against the one before it that builds. `skip_known` passes over pairs that the history has.
absl::Status CompareRange(const std::string& commits, bool skip_known, Workshop* workshop) {
  ASSIGN_OR_RETURN(const auto ends, SplitRange(commits));
  ASSIGN_OR_RETURN(Revision base, workshop->repository().Resolve(ends.first));
  ASSIGN_OR_RETURN(const std::vector<Revision> heads, workshop->repository().Range(ends.first, ends.second));
  for (size_t i = 0; i < heads.size(); ++i) {
    const Revision& head = heads[i];
    Say(absl::StrCat("commit ", i + 1, " of ", heads.size(), ": ", head.Text()));
    if (skip_known) {
      ASSIGN_OR_RETURN(const auto known, workshop->history()->Finished(base.commit, head.commit,
                                                                       workshop->fingerprint(), workshop->setting()));
      if (known.has_value()) {
        Say("in the history already");
        base = head;
        continue;
      }
    }
    const auto comparison = workshop->CompareAndRecord(base, head);
    if (!comparison.ok()) {
      RETURN_IF_ERROR(SkipBroken(comparison.status(), head, workshop->history()));
      continue;
    }
    std::printf("%s%s", i == 0 ? "" : "\n", FormatComparison(*comparison, workshop->options()).c_str());
    std::fflush(stdout);
    base = head;
  }
  return absl::OkStatus();
}

absl::Status WriteJson(const std::string& path, const Comparison& comparison) {
  if (path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(base::UserPath(path), ComparisonJson(comparison));
}

// The two revisions of --base and --head; the work tree and HEAD where neither is given.
absl::StatusOr<std::pair<Revision, Revision>> BaseAndHead(const std::string& base, const std::string& head,
                                                          const Repository& repository) {
  std::pair<Revision, Revision> revisions;
  ASSIGN_OR_RETURN(revisions.first, repository.Resolve(base.empty() ? "HEAD" : base));
  if (!head.empty()) {
    ASSIGN_OR_RETURN(revisions.second, repository.Resolve(head));
  } else {
    ASSIGN_OR_RETURN(revisions.second, repository.WorkTree());
  }
  if (revisions.first.commit == revisions.second.commit) {
    return absl::InvalidArgumentError(
        absl::StrCat("base and head are both ", revisions.first.Text(),
                     base.empty() && head.empty() ? ": the work tree has no changes" : ""));
  }
  return revisions;
}

absl::Status DifferingOutputs(const Comparison& comparison) {
  std::vector<std::string> names;
  for (const BenchmarkComparison& benchmark : comparison.benchmarks) {
    if (benchmark.verdict == Verdict::kOutputsDiffer) names.push_back(benchmark.Name());
  }
  if (names.empty()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("other results for the same inputs: ", absl::StrJoin(names, ", ")));
}

absl::Status CompareCommand(const Arguments& arguments) {
  std::string base, head, commits, json;
  MeasureFlags measure;
  HistoryFlag history;
  base::Flags flags(
      "profile compare",
      "Compares the benchmarks of two revisions, or of every commit of a range with its parent. Exit code 1 "
      "where a kernel's results changed.");
  flags.Optional("base", &base, "REV", "what is compared with; HEAD by default");
  flags.Optional("head", &head, "REV", "what is compared; the work tree by default, with its untracked files");
  flags.Optional("commits", &commits, "A..B", "instead of the two: every commit after A up to B");
  flags.Optional("json", &json, "OUT", "the comparison as JSON");
  measure.AddTo(&flags);
  history.AddTo(&flags);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (!commits.empty() && !(base.empty() && head.empty() && json.empty())) {
    return absl::InvalidArgumentError("--commits: expected without --base, --head and --json");
  }
  ASSIGN_OR_RETURN(const auto workshop, Workshop::Open(measure, history));
  if (!commits.empty()) return CompareRange(commits, false, workshop.get());
  ASSIGN_OR_RETURN(const auto revisions, BaseAndHead(base, head, workshop->repository()));
  ASSIGN_OR_RETURN(const Comparison comparison, workshop->CompareAndRecord(revisions.first, revisions.second));
  std::fputs(FormatComparison(comparison, workshop->options()).c_str(), stdout);
  RETURN_IF_ERROR(WriteJson(json, comparison));
  return DifferingOutputs(comparison);
}

absl::Status RecordCommand(const Arguments& arguments) {
  std::string commits = "HEAD~1..HEAD";
  MeasureFlags measure;
  HistoryFlag history;
  base::Flags flags("profile record",
                    "Measures every commit of a range against the one before it and keeps all samples in the history. "
                    "Killed, it goes on where it was.");
  flags.Optional("commits", &commits, "A..B", "every commit after A up to B, along first parents");
  measure.AddTo(&flags);
  history.AddTo(&flags);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto workshop, Workshop::Open(measure, history));
  return CompareRange(commits, true, workshop.get());
}

absl::Status GateCommand(const Arguments& arguments) {
  std::string base, head, json;
  double max_slowdown = 0;
  bool strict = false;
  MeasureFlags measure;
  HistoryFlag history;
  base::Flags flags(
      "profile gate",
      "For CI: exit code 1 where a kernel became slower, gives other results or does not run any more. An "
      "inconclusive verdict passes, and is said.");
  flags.Required("base", &base, "REV", "what is compared with, such as origin/main");
  flags.Required("head", &head, "REV", "what is compared, such as HEAD");
  flags.Optional("max-slowdown", &max_slowdown, "PERCENT", "a slowdown up to here passes");
  flags.Switch("strict", &strict, "inconclusive verdicts fail too");
  flags.Optional("json", &json, "OUT", "the comparison as JSON");
  measure.AddTo(&flags);
  history.AddTo(&flags);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (!(max_slowdown >= 0)) return absl::InvalidArgumentError("--max-slowdown: expected per cent, 0 or more");
  ASSIGN_OR_RETURN(const auto workshop, Workshop::Open(measure, history));
  ASSIGN_OR_RETURN(const auto revisions, BaseAndHead(base, head, workshop->repository()));
  ASSIGN_OR_RETURN(const Comparison comparison, workshop->CompareAndRecord(revisions.first, revisions.second));
  std::fputs(FormatComparison(comparison, workshop->options()).c_str(), stdout);
  RETURN_IF_ERROR(WriteJson(json, comparison));
  const std::vector<std::string> faults = GateFaults(comparison, max_slowdown / 100, strict);
  if (faults.empty()) {
    std::printf("gate: passed\n");
    return absl::OkStatus();
  }
  return absl::UnknownError(absl::StrCat("gate: ", absl::StrJoin(faults, "; ")));
}

absl::Status BisectCommand(const Arguments& arguments) {
  std::string good, bad, benchmark;
  MeasureFlags measure;
  HistoryFlag history;
  base::Flags flags("profile bisect", "Finds the commit that made one benchmark slower.");
  flags.Required("good", &good, "REV", "where it was fast");
  flags.Optional("bad", &bad, "REV", "where it is slow; HEAD by default");
  flags.Required("benchmark", &benchmark, "RE", "finds one benchmark in 'LABEL NAME'");
  measure.AddTo(&flags);
  history.AddTo(&flags);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  measure.filter = benchmark;
  ASSIGN_OR_RETURN(const auto workshop, Workshop::Open(measure, history));
  ASSIGN_OR_RETURN(const Revision from, workshop->repository().Resolve(good));
  ASSIGN_OR_RETURN(const std::vector<Revision> commits, workshop->repository().Range(good, bad.empty() ? "HEAD" : bad));
  Say(absl::StrCat(commits.size(), " commits, about ", static_cast<int>(std::ceil(std::log2(commits.size()))) + 1,
                   " comparisons"));
  const ComparePair compare = [&](const Revision& base, const Revision& head,
                                  int effort) -> absl::StatusOr<BenchmarkComparison> {
    ASSIGN_OR_RETURN(const Comparison comparison, workshop->CompareAndRecord(base, head, effort));
    if (comparison.benchmarks.size() == 1) return comparison.benchmarks[0];
    std::vector<std::string> names;
    for (const BenchmarkComparison& found : comparison.benchmarks) names.push_back(found.Name());
    return absl::InvalidArgumentError(absl::StrCat("--benchmark=", benchmark, ": expected one benchmark, found ",
                                                   names.empty() ? "none" : absl::StrJoin(names, ", ")));
  };
  ASSIGN_OR_RETURN(const BisectResult result, Bisect(from, commits, compare, Say));
  std::printf("%s\n%s is the first slow commit: %s slower in the end\n", result.culprit.Text().c_str(),
              result.culprit.commit.c_str(), absl::StrFormat("%.1f %%", 100 * (result.ratio.estimate - 1)).c_str());
  for (const std::string& commit : result.not_built) std::printf("passed over, does not build: %s\n", commit.c_str());
  return absl::OkStatus();
}

absl::Status ReportCommand(const Arguments& arguments) {
  std::string output;
  HistoryFlag history;
  base::Flags flags("profile report", "Writes the history as one page that needs nothing beside it.");
  flags.Required("output", &output, "FILE", "the page, HTML");
  history.AddTo(&flags);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  std::string folder;
  if (history.history.empty()) {
    ASSIGN_OR_RETURN(const Repository repository, UsersRepository());
    folder = FolderOf(repository);
  } else if (!base::FileExists(base::UserPath(history.history))) {
    return absl::NotFoundError(absl::StrCat(history.history, ": no such file; `profile record` makes one"));
  }
  ASSIGN_OR_RETURN(const auto opened, history.Open(folder));
  ASSIGN_OR_RETURN(const HistoryReport report, ReadReport(opened.get()));
  const std::string path = base::UserPath(output);
  RETURN_IF_ERROR(base::WriteFileAtomically(path, ReportHtml(report)));
  std::printf("%s\n", path.c_str());
  return absl::OkStatus();
}

absl::Status Main(Arguments arguments) {
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "--help" || first == "-h" || first == "help") {
    std::fputs(kUsage, stdout);
    return absl::OkStatus();
  }
  if (first.empty() || first[0] == '-') return CompareCommand(arguments);
  arguments.erase(arguments.begin());
  if (first == "compare") return CompareCommand(arguments);
  if (first == "record") return RecordCommand(arguments);
  if (first == "gate") return GateCommand(arguments);
  if (first == "bisect") return BisectCommand(arguments);
  if (first == "report") return ReportCommand(arguments);
  const std::string near = base::NearestName(first, {"compare", "record", "gate", "bisect", "report"});
  return absl::InvalidArgumentError(absl::StrCat("unknown subcommand '", first, "'",
                                                 near.empty() ? "" : absl::StrCat("; did you mean '", near, "'?"),
                                                 " expected compare, record, report, gate or bisect"));
}

}  // namespace
}  // namespace profile

int main(int argc, char** argv) {
  return base::RunMain("profile", [&] { return profile::Main(base::Arguments(argc, argv)); });
}
