// What every subcommand of `profile` needs: its flags, the repository, the builder and the history.
#ifndef TOOLS_PROFILE_WORKSHOP_H_
#define TOOLS_PROFILE_WORKSHOP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/flags.h"
#include "tools/profile/compare.h"
#include "tools/profile/history.h"
#include "tools/profile/programs.h"
#include "tools/profile/revisions.h"

namespace profile {

// Flags that all subcommands which measure share.
struct MeasureFlags {
  std::vector<std::string> targets;  // //ops/... where none is given
  std::string filter, skip = "grid_sampler|compos|scaled_dot_product|official|baseline", pin = "auto",
                      instructions = "auto";
  double time_budget = 300, min_effect = 2, min_time = 0.01;
  int64_t seed = 1;

  void AddTo(base::Flags* flags);
  // InvalidArgument where a value makes no sense.
  absl::StatusOr<ComparisonOptions> Options() const;
  // What a comparison depends on, as one text.
  std::string Setting() const;
};

// Where the history lies.
struct HistoryFlag {
  std::string history;
  void AddTo(base::Flags* flags);
  absl::StatusOr<std::unique_ptr<History>> Open(const std::string& folder) const;
};

// ${XDG_CACHE_HOME:-~/.cache}/grouppose/profile/..., one folder a repository.
std::string FolderOf(const Repository& repository);

// The repository that the user stands in: `bazel run` says where, else the present folder.
absl::StatusOr<Repository> UsersRepository();

// Everything to compare revisions with. While it lives no other process uses its folder.
class Workshop {
 public:
  static absl::StatusOr<std::unique_ptr<Workshop>> Open(const MeasureFlags& measure, const HistoryFlag& history);
  ~Workshop();

  const Repository& repository() const { return repository_; }
  History* history() const { return history_.get(); }
  const std::string& fingerprint() const { return fingerprint_; }
  const std::string& setting() const { return setting_; }
  const ComparisonOptions& options() const { return options_; }

  // Builds, measures and records; `effort` multiplies the time. FailedPrecondition where a revision does not build.
  absl::StatusOr<Comparison> CompareAndRecord(const Revision& base, const Revision& head, int effort = 1);

 private:
  explicit Workshop(Repository repository) : repository_(std::move(repository)) {}

  const Repository repository_;
  std::string fingerprint_, setting_;
  ComparisonOptions options_;
  std::unique_ptr<ProgramStore> store_;
  std::unique_ptr<BazelBuilder> builder_;
  std::unique_ptr<History> history_;
  ProcessRunner runner_;
  int lock_ = -1;
};

// One line on stderr.
void Say(const std::string& text);

}  // namespace profile

#endif  // TOOLS_PROFILE_WORKSHOP_H_
