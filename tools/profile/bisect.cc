#include "tools/profile/bisect.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "tools/profile/format.h"

namespace profile {
namespace {

constexpr int kMostEffort = 4;

// The ratio to the good revision where it was measured; one where the programs are identical.
absl::StatusOr<base::Interval> RatioOf(const BenchmarkComparison& benchmark) {
  if (benchmark.verdict == Verdict::kIdentical) return base::Interval{1, 1, 1};
  if (!benchmark.estimate.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(benchmark.Name(), ": ", VerdictName(benchmark.verdict),
                                                      benchmark.note.empty() ? "" : ": ", benchmark.note));
  }
  return benchmark.estimate->ratio;
}

class Bisector {
 public:
  Bisector(const Revision& good, const std::vector<Revision>& commits, const ComparePair& compare,
           const std::function<void(const std::string&)>& say)
      : good_(good), commits_(commits), compare_(compare), say_(say) {}

  absl::StatusOr<BisectResult> Run() {
    ASSIGN_OR_RETURN(const BenchmarkComparison whole, compare_(good_, commits_.back(), 1));
    ASSIGN_OR_RETURN(result_.ratio, RatioOf(whole));
    say_(absl::StrCat(commits_.back().Text(), ": ", RatioText(result_.ratio), ", ", VerdictName(whole.verdict)));
    if (whole.verdict != Verdict::kSlower) {
      return absl::FailedPreconditionError(absl::StrCat(whole.Name(), ": ", commits_.back().Text(),
                                                        " is not slower than ", good_.Text(), ": ",
                                                        VerdictName(whole.verdict), ", ", RatioText(result_.ratio)));
    }
    threshold_ = std::sqrt(result_.ratio.estimate);
    // commits_[bad_] is bad, and the one before commits_[first_] good
    size_t first = 0, bad = commits_.size() - 1;
    while (first < bad) {
      ASSIGN_OR_RETURN(const std::optional<size_t> middle, Ask(first, bad));
      if (!middle.has_value()) break;  // none of those between builds
      (is_bad_ ? bad : first) = is_bad_ ? *middle : *middle + 1;
    }
    result_.culprit = commits_[bad];
    return result_;
  }

 private:
  // Judges the commit in the middle of [first, bad), or a neighbour where that one does not build; sets is_bad_.
  absl::StatusOr<std::optional<size_t>> Ask(size_t first, size_t bad) {
    const size_t middle = first + (bad - first) / 2;
    for (size_t step = 0; step < bad - first; ++step) {
      // middle, middle + 1, middle - 1, ...: wrapped around within [first, bad)
      const size_t distance = (step + 1) / 2, count = bad - first;
      const size_t index = first + (middle - first + (step % 2 == 1 ? distance : count - distance % count)) % count;
      const auto judged = Judge(commits_[index]);
      if (judged.ok()) {
        is_bad_ = *judged;
        return std::optional<size_t>(index);
      }
      if (!not_built_) return judged.status();
    }
    return std::optional<size_t>();
  }

  absl::StatusOr<bool> Judge(const Revision& commit) {
    not_built_ = false;
    base::Interval ratio;
    for (int effort = 1; effort <= kMostEffort; effort *= 2) {
      const auto compared = compare_(good_, commit, effort);
      if (!compared.ok()) {
        not_built_ = absl::IsFailedPrecondition(compared.status());
        if (not_built_) {
          result_.not_built.push_back(commit.Text());
          say_(absl::StrCat(commit.Text(), ": does not build, passed over"));
        }
        return compared.status();
      }
      ASSIGN_OR_RETURN(ratio, RatioOf(*compared));
      const bool is_bad = ratio.low > threshold_, is_good = ratio.high < threshold_;
      say_(absl::StrCat(commit.Text(), ": ", RatioText(ratio), is_bad ? ", bad" : is_good ? ", good" : ", not clear"));
      if (is_bad || is_good) return is_bad;
    }
    return absl::UnknownError(absl::StrCat(commit.Text(), ": ", RatioText(ratio),
                                           " is neither clearly above nor below ", threshold_, " after ", kMostEffort,
                                           " times the effort; ", "give more --time_budget"));
  }

  const Revision& good_;
  const std::vector<Revision>& commits_;
  const ComparePair& compare_;
  const std::function<void(const std::string&)>& say_;
  double threshold_ = 1;
  bool is_bad_ = false, not_built_ = false;
  BisectResult result_;
};

}  // namespace

absl::StatusOr<BisectResult> Bisect(const Revision& good, const std::vector<Revision>& commits,
                                    const ComparePair& compare, const std::function<void(const std::string&)>& say) {
  GROUPPOSE_CHECK(!commits.empty(), "no commits to search");
  return Bisector(good, commits, compare, say).Run();
}

}  // namespace profile
