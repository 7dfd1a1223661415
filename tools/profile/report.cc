#include "tools/profile/report.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace profile {
namespace {

// The chain that starts at a session whose base is no head of another.
std::vector<SessionRecord> Follow(const SessionRecord& first,
                                  const std::multimap<std::string, SessionRecord>& by_base) {
  std::vector<SessionRecord> sessions = {first};
  // a commit is measured once in a chain: no pair of commits goes round
  while (sessions.size() <= by_base.size()) {
    const auto [begin, end] = by_base.equal_range(sessions.back().head);
    if (begin == end) break;
    // of several that start here the latest session
    sessions.push_back(
        std::max_element(begin, end, [](const auto& a, const auto& b) { return a.second.id < b.second.id; })->second);
  }
  return sessions;
}

std::vector<std::vector<SessionRecord>> ChainsOf(
    const std::map<std::pair<std::string, std::string>, SessionRecord>& pairs) {
  std::multimap<std::string, SessionRecord> by_base;
  std::map<std::string, int> heads;
  for (const auto& [pair, session] : pairs) {
    by_base.emplace(pair.first, session);
    ++heads[pair.second];
  }
  std::vector<std::vector<SessionRecord>> chains;
  for (const auto& [pair, session] : pairs) {
    if (heads.count(pair.first) == 0) chains.push_back(Follow(session, by_base));
  }
  std::sort(chains.begin(), chains.end(), [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() > b.size() : a.front().id < b.front().id;
  });
  return chains;
}

absl::StatusOr<Chain> MakeChain(std::vector<SessionRecord> sessions, History* history) {
  Chain chain;
  chain.fingerprint = sessions[0].fingerprint;
  chain.setting = sessions[0].setting;
  std::vector<std::string> commits = {sessions[0].base};
  for (const SessionRecord& session : sessions) {
    commits.push_back(session.head);
    ASSIGN_OR_RETURN(chain.results.emplace_back(), history->Results(session.id));
    ASSIGN_OR_RETURN(chain.static_changes.emplace_back(), history->StaticChanges(session.id));
  }
  for (const std::string& commit : commits) {
    ASSIGN_OR_RETURN(const auto revision, history->FindRevision(commit));
    chain.commits.push_back(revision.value_or(Revision{commit, "", "", ""}));
  }
  chain.sessions = std::move(sessions);
  chain.trends = TrendsOf(chain.results);
  return chain;
}

}  // namespace

std::vector<Trend> TrendsOf(const std::vector<std::vector<ResultRecord>>& results) {
  std::map<std::pair<std::string, std::string>, Trend> trends;
  for (size_t step = 0; step < results.size(); ++step) {
    for (const ResultRecord& result : results[step]) {
      Trend& trend = trends[{result.label, result.name}];
      trend.label = result.label;
      trend.name = result.name;
      const bool identical = result.verdict == VerdictName(Verdict::kIdentical);
      if (!identical && !result.estimate.has_value()) continue;
      if (trend.points.empty()) {
        trend.points.push_back({step, 1, 1, 1, result.estimate.has_value() ? result.estimate->base_median : 0, ""});
      }
      const double before = trend.points.back().relative;
      TrendPoint point = {step + 1, before, before, before, trend.points.back().median, result.verdict};
      if (result.estimate.has_value()) {
        const Estimate& estimate = *result.estimate;
        point.relative = before * estimate.ratio.estimate;
        point.low = before * estimate.ratio.low;
        point.high = before * estimate.ratio.high;
        point.median = estimate.head_median;
      }
      trend.points.push_back(point);
    }
  }
  std::vector<Trend> measured;
  for (auto& [key, trend] : trends) {
    const bool any = std::any_of(trend.points.begin(), trend.points.end(), [](const auto& p) { return p.median > 0; });
    if (any) measured.push_back(std::move(trend));
  }
  return measured;
}

absl::StatusOr<HistoryReport> ReadReport(History* history) {
  ASSIGN_OR_RETURN(const std::vector<SessionRecord> sessions, history->Sessions());
  HistoryReport report;
  // results of different machines or settings never meet
  std::map<std::pair<std::string, std::string>, std::map<std::pair<std::string, std::string>, SessionRecord>> groups;
  for (const SessionRecord& session : sessions) {
    if (session.finished) {
      groups[{session.fingerprint, session.setting}][{session.base, session.head}] = session;
    } else {
      ++report.unfinished;
    }
  }
  for (const auto& [group, pairs] : groups) {
    for (std::vector<SessionRecord>& chain : ChainsOf(pairs)) {
      ASSIGN_OR_RETURN(report.chains.emplace_back(), MakeChain(std::move(chain), history));
    }
  }
  return report;
}

}  // namespace profile
