// The history as a page: how each kernel's time went from commit to commit.
#ifndef TOOLS_PROFILE_REPORT_H_
#define TOOLS_PROFILE_REPORT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/profile/history.h"

namespace profile {

// A benchmark at one commit of a chain, relative to the chain's first commit.
struct TrendPoint {
  size_t commit = 0;  // index into Chain::commits
  double relative = 1, low = 1, high = 1;
  double median = 0;  // nanoseconds, where it was measured
  std::string verdict;
};

struct Trend {
  std::string label, name;
  std::vector<TrendPoint> points;
};

// Commits measured one after the other on one machine in one setting: each was compared with the one before it.
struct Chain {
  std::string fingerprint, setting;
  std::vector<Revision> commits;        // the first one is where all trends start
  std::vector<SessionRecord> sessions;  // one a commit but the first
  std::vector<std::vector<ResultRecord>> results;
  std::vector<std::vector<StaticChange>> static_changes;  // of each session
  std::vector<Trend> trends;                              // of benchmarks that were measured at least once
};

struct HistoryReport {
  std::vector<Chain> chains;
  int unfinished = 0;  // sessions that were stopped
};

// A later session of the same pair replaces an earlier one.
absl::StatusOr<HistoryReport> ReadReport(History* history);

// The trends that the results of a chain's sessions give: ratios multiplied up from commit to commit; the interval at a
// commit is that of its own step, so it says how sure this step is, not the whole way.
std::vector<Trend> TrendsOf(const std::vector<std::vector<ResultRecord>>& results);

std::string ReportHtml(const HistoryReport& report);

}  // namespace profile

#endif  // TOOLS_PROFILE_REPORT_H_
