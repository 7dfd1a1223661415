#include "tools/profile/workshop.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "tools/profile/process.h"

namespace profile {
namespace {

constexpr char kDefaultTargets[] = "//ops/...";
constexpr size_t kShortHash = 12;

std::vector<std::string> Targets(const std::vector<std::string>& given) {
  return given.empty() ? std::vector<std::string>{kDefaultTargets} : given;
}

absl::StatusOr<int> CpuOf(const std::string& pin) {
  const std::vector<int> cpus = AllowedCpus();
  if (pin == "none") return -1;
  // the last core: the first is where a system's own work goes first
  if (pin == "auto") return cpus.size() > 1 ? cpus.back() : -1;
  int cpu = 0;
  if (absl::SimpleAtoi(pin, &cpu) && std::find(cpus.begin(), cpus.end(), cpu) != cpus.end()) return cpu;
  return absl::InvalidArgumentError(
      absl::StrCat("--pin=", pin, ": expected auto, none or one of the cores ", absl::StrJoin(cpus, ", ")));
}

std::string EnvironmentOr(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace

void Say(const std::string& text) { std::fprintf(stderr, "profile: %s\n", text.c_str()); }

void MeasureFlags::AddTo(base::Flags* flags) {
  flags->Repeated("targets", &targets, "PATTERN",
                  "Bazel pattern of where to look for programs named *_benchmark; //ops/... where none is given");
  flags->Optional("filter", &filter, "RE", "only benchmarks whose 'LABEL NAME' this expression is found in");
  flags->Optional("skip", &skip, "RE",
                  "not those in which this one is found: what a kernel is compared with in its own benchmark");
  flags->Optional("time_budget", &time_budget, "SECONDS",
                  "for the rounds of one pair of revisions; a pair ends earlier when every interval is narrow enough");
  flags->Optional("min_effect", &min_effect, "PERCENT", "smallest change that is worth a name");
  flags->Optional("min_time", &min_time, "SECONDS",
                  "how long a benchmark's loop runs, seven times in each run of its program");
  flags->Optional("pin", &pin, "auto|none|CORE",
                  "core for benchmarks of one thread; auto takes the last one where there are several");
  flags->Optional("instructions", &instructions, "auto|none|valgrind",
                  "count instructions: by the processor where it lets us, or by valgrind (slow, exact)");
  flags->Optional("seed", &seed, "N", "names the orders of the rounds and the resamples");
}

absl::StatusOr<ComparisonOptions> MeasureFlags::Options() const {
  ComparisonOptions options;
  options.filter = filter;
  options.skip = skip;
  RETURN_IF_ERROR(CheckPatterns(options));
  if (!(time_budget > 0)) return absl::InvalidArgumentError("--time_budget: expected seconds above 0");
  if (!(min_effect > 0 && min_effect < 100))
    return absl::InvalidArgumentError("--min_effect: expected per cent above 0");
  if (!(min_time >= 0)) return absl::InvalidArgumentError("--min_time: expected seconds, 0 or more");
  if (instructions != "auto" && instructions != "none" && instructions != "valgrind") {
    return absl::InvalidArgumentError(
        absl::StrCat("--instructions=", instructions, ": expected auto, none or valgrind"));
  }
  options.time_budget = time_budget;
  options.verdict.min_effect = min_effect / 100;
  options.half_width = options.verdict.min_effect / 2;
  options.verdict.seed = static_cast<uint64_t>(seed);
  options.run.min_seconds = min_time;
  ASSIGN_OR_RETURN(options.run.cpu, CpuOf(pin));
  if (instructions == "auto" && CountsInstructions()) options.instructions = InstructionCounter::kProcessor;
  if (instructions == "valgrind") options.instructions = InstructionCounter::kValgrind;
  options.say = Say;
  return options;
}

std::string MeasureFlags::Setting() const {
  return absl::StrCat("targets ", absl::StrJoin(Targets(targets), " "), ", filter '", filter, "', skip '", skip,
                      "', min_time ", min_time, ", pin ", pin);
}

void HistoryFlag::AddTo(base::Flags* flags) {
  flags->Optional("history", &history, "FILE",
                  "SQLite file that keeps every sample; one of the repository's by default");
}

absl::StatusOr<std::unique_ptr<History>> HistoryFlag::Open(const std::string& folder) const {
  return History::Open(history.empty() ? base::JoinPath(folder, "history.sqlite") : base::UserPath(history));
}

std::string FolderOf(const Repository& repository) {
  const std::string cache = EnvironmentOr("XDG_CACHE_HOME", base::JoinPath(EnvironmentOr("HOME", "/tmp"), ".cache"));
  return base::JoinPath(
      cache, absl::StrCat("grouppose/profile/", base::Sha256(repository.git_folder()).substr(0, kShortHash)));
}

absl::StatusOr<Repository> UsersRepository() {
  return Repository::Open(EnvironmentOr("BUILD_WORKSPACE_DIRECTORY", "."));
}

absl::StatusOr<std::unique_ptr<Workshop>> Workshop::Open(const MeasureFlags& measure, const HistoryFlag& history) {
  ASSIGN_OR_RETURN(ComparisonOptions options, measure.Options());
  ASSIGN_OR_RETURN(Repository repository, UsersRepository());
  const std::string folder = FolderOf(repository);
  RETURN_IF_ERROR(base::MakeDirectories(folder));
  std::unique_ptr<Workshop> workshop(new Workshop(std::move(repository)));
  const std::string lock = base::JoinPath(folder, "lock");
  workshop->lock_ = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (workshop->lock_ < 0) return base::ErrnoStatus(lock, "cannot be written");
  if (flock(workshop->lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::UnknownError(absl::StrCat(lock, ": another profile of this repository is running; two would disturb ",
                                           "each other's times"));
  }
  workshop->options_ = std::move(options);
  workshop->setting_ = measure.Setting();
  workshop->fingerprint_ = MachineFingerprint();
  workshop->store_ = std::make_unique<ProgramStore>(base::JoinPath(folder, "programs"));
  workshop->builder_ =
      std::make_unique<BazelBuilder>(&workshop->repository_, workshop->store_.get(), folder, Targets(measure.targets));
  ASSIGN_OR_RETURN(workshop->history_, history.Open(folder));
  return workshop;
}

Workshop::~Workshop() {
  if (lock_ >= 0) close(lock_);
}

absl::StatusOr<Comparison> Workshop::CompareAndRecord(const Revision& base, const Revision& head, int effort) {
  ASSIGN_OR_RETURN(const int64_t session, history_->BeginSession(base, head, fingerprint_, setting_));
  const std::unique_ptr<RoundLog> log = history_->Log(session);
  ComparisonOptions options = options_;
  options.time_budget *= effort;
  ASSIGN_OR_RETURN(Comparison comparison, Compare(base, head, options, builder_.get(), &runner_, log.get()));
  ASSIGN_OR_RETURN(const StaticProfile before, ReadStaticProfile(repository_, base.commit));
  ASSIGN_OR_RETURN(const StaticProfile after, ReadStaticProfile(repository_, head.commit));
  comparison.static_changes = CompareStaticProfiles(before, after);
  comparison.static_kernels = static_cast<int>(after.size());
  RETURN_IF_ERROR(history_->Finish(session, comparison));
  return comparison;
}

}  // namespace profile
