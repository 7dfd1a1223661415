// Finds the commit that made a benchmark slower, by halving, with the statistics of a comparison.
#ifndef TOOLS_PROFILE_BISECT_H_
#define TOOLS_PROFILE_BISECT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/profile/compare.h"
#include "tools/profile/revisions.h"

namespace profile {

// Compares two revisions on the benchmark in question; FailedPrecondition where one does not build. `effort` is 1, or
// more where the last answer was not clear: a multiple of the time.
using ComparePair =
    std::function<absl::StatusOr<BenchmarkComparison>(const Revision& base, const Revision& head, int effort)>;

struct BisectResult {
  Revision culprit;
  base::Interval ratio;                // the bad revision over the good one
  std::vector<std::string> not_built;  // commits that were passed over: the culprit may be one of those before it
};

// `commits` are those after `good`, oldest first; the last one is bad. A commit counts as bad where its ratio to the
// good one lies above the middle of one and the ratio of the last, with its whole interval. FailedPrecondition where
// the last one is not slower than the good one, or where a commit cannot be told after four times the effort.
absl::StatusOr<BisectResult> Bisect(const Revision& good, const std::vector<Revision>& commits,
                                    const ComparePair& compare, const std::function<void(const std::string&)>& say);

}  // namespace profile

#endif  // TOOLS_PROFILE_BISECT_H_
