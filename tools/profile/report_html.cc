#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/html.h"
#include "base/plots.h"
#include "base/report_page.h"
#include "tools/profile/format.h"
#include "tools/profile/report.h"

namespace profile {
namespace {

constexpr size_t kShortCommit = 10;

constexpr char kStyle[] = R"(
.verdict-slower, .verdict-outputs-differ, .verdict-failed { font-weight: 600; color: #b3261e; }
.verdict-faster { font-weight: 600; color: #1b7f3b; }
.verdict-inconclusive { font-style: italic; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1rem; }
@media (prefers-color-scheme: dark) {
  .verdict-slower, .verdict-outputs-differ, .verdict-failed { color: #ff8a80; }
  .verdict-faster { color: #81c995; }
}
)";

std::string Id(size_t chain, const std::string& commit) { return absl::StrCat("c", chain, "-", commit); }

std::string ClassOf(const std::string& verdict) {
  std::string text = absl::StrCat("verdict-", verdict);
  std::replace(text.begin(), text.end(), ' ', '-');
  return text;
}

void CommitLink(size_t chain, const Revision& revision, base::HtmlWriter* html) {
  html->Element("a", {{"href", absl::StrCat("#", Id(chain, revision.commit))}, {"title", revision.subject}},
                revision.commit.substr(0, kShortCommit));
}

bool IsOfInterest(const ResultRecord& result) { return result.verdict != VerdictName(Verdict::kIdentical); }

// The sessions' results that are not "identical", commit by commit.
void WriteSteps(size_t index, const Chain& chain, base::HtmlWriter* html) {
  base::BeginTable(html, "What changed, commit by commit",
                   {{"commit"},
                    {"verdict"},
                    {"ratio", true},
                    {"before", true},
                    {"after", true},
                    {"benchmark"},
                    {"p (Holm)", true},
                    {"A/A noise", true},
                    {"rounds", true}});
  for (size_t step = 0; step < chain.results.size(); ++step) {
    for (const ResultRecord& result : chain.results[step]) {
      if (!IsOfInterest(result)) continue;
      html->Begin("tr").Begin("td");
      CommitLink(index, chain.commits[step + 1], html);
      html->End().Element("td", {{"class", ClassOf(result.verdict)}}, result.verdict);
      const bool measured = result.estimate.has_value();
      const Estimate e = result.estimate.value_or(Estimate());
      const auto cell = [&](const std::string& text) { base::NumberCell(html, measured ? text : ""); };
      cell(RatioText(e.ratio));
      cell(TimeText(e.base_median));
      cell(TimeText(e.head_median));
      html->Begin("td", {{"title", result.label}}).Text(result.name);
      if (!result.note.empty()) html->Text(absl::StrCat(": ", result.note));
      html->End();
      cell(absl::StrFormat("%.2g", e.p_adjusted));
      cell(absl::StrFormat("%.1f %%", 100 * std::max(e.noise.high - 1, 1 - e.noise.low)));
      cell(absl::StrCat(e.rounds));
      html->End().NewLine();
    }
  }
  base::EndTable(html);
}

void WriteStaticChanges(size_t index, const Chain& chain, base::HtmlWriter* html) {
  const bool any = std::any_of(chain.static_changes.begin(), chain.static_changes.end(),
                               [](const auto& changes) { return !changes.empty(); });
  if (!any) return;
  html->Element("h3", {}, "CUDA kernels as compiled");
  base::BeginTable(html, "CUDA kernels as compiled",
                   {{"commit"}, {"kernel and architecture"}, {"what"}, {"before", true}, {"after", true}});
  for (size_t step = 0; step < chain.static_changes.size(); ++step) {
    for (const StaticChange& change : chain.static_changes[step]) {
      html->Begin("tr").Begin("td");
      CommitLink(index, chain.commits[step + 1], html);
      html->End().Begin("td").Element("code", {}, change.kernel).End();
      html->Element("td", {}, change.IsNew() ? "new" : change.IsGone() ? "gone" : change.column);
      base::NumberCell(html, change.column.empty() ? "" : base::Thousands(change.before));
      base::NumberCell(html, change.column.empty() ? "" : base::Thousands(change.after));
      html->End().NewLine();
    }
  }
  base::EndTable(html);
}

void WriteTrend(const Trend& trend, const Chain& chain, base::HtmlWriter* html) {
  base::LinePlot plot;
  plot.title = trend.name;
  plot.x_label = absl::StrCat("commit (0 is ", chain.commits[0].commit.substr(0, kShortCommit), ")");
  plot.y_label = "time, relative to the first commit";
  plot.band = "interval of the step to this commit";
  plot.markers = true;
  // at least ten per cent to either side, so that noise looks like noise
  plot.y_low = 0.9;
  plot.y_high = 1.1;
  base::PlotSeries series;
  series.name = trend.label;
  series.style = 1;
  for (const TrendPoint& point : trend.points) {
    series.x.push_back(static_cast<double>(point.commit));
    series.y.push_back(point.relative);
    series.low.push_back(point.low);
    series.high.push_back(point.high);
    plot.y_low = std::min(*plot.y_low, point.low);
    plot.y_high = std::max(*plot.y_high, point.high);
  }
  plot.series.push_back(std::move(series));
  base::WriteLinePlot(plot, html);
}

void WriteCommits(size_t index, const Chain& chain, base::HtmlWriter* html) {
  base::BeginTable(
      html, "Commits",
      {{"#", true}, {"commit"}, {"date"}, {"subject"}, {"slower", true}, {"faster", true}, {"load", true}});
  for (size_t i = 0; i < chain.commits.size(); ++i) {
    const Revision& revision = chain.commits[i];
    html->Begin("tr", {{"id", Id(index, revision.commit)}});
    base::NumberCell(html, absl::StrCat(i));
    html->Begin("td").Element("code", {}, revision.commit.substr(0, kShortCommit)).End();
    html->Element("td", {}, revision.date.substr(0, 10)).Element("td", {}, revision.subject);
    const auto count = [&](Verdict verdict) {
      if (i == 0) return std::string();
      return absl::StrCat(std::count_if(chain.results[i - 1].begin(), chain.results[i - 1].end(),
                                        [&](const auto& r) { return r.verdict == VerdictName(verdict); }));
    };
    base::NumberCell(html, count(Verdict::kSlower));
    base::NumberCell(html, count(Verdict::kFaster));
    base::NumberCell(html, i == 0 ? "" : absl::StrFormat("%.1f", chain.sessions[i - 1].load));
    html->End().NewLine();
  }
  base::EndTable(html);
}

void WriteChain(size_t index, const Chain& chain, base::HtmlWriter* html) {
  const Revision &first = chain.commits.front(), &last = chain.commits.back();
  base::BeginSection(html, absl::StrCat("chain", index),
                     absl::StrCat(first.commit.substr(0, kShortCommit), " to ", last.commit.substr(0, kShortCommit)));
  html->Begin("ul");
  for (const absl::string_view line : absl::StrSplit(chain.fingerprint, '\n', absl::SkipEmpty())) {
    html->Element("li", {}, std::string(line));
  }
  html->Element("li", {}, chain.setting).End();
  WriteCommits(index, chain, html);
  html->Begin("div", {{"class", "plots"}});
  for (const Trend& trend : chain.trends) WriteTrend(trend, chain, html);
  html->End();
  html->Element("h3", {}, "What changed, commit by commit");
  WriteSteps(index, chain, html);
  WriteStaticChanges(index, chain, html);
  html->End();
}

}  // namespace

std::string ReportHtml(const HistoryReport& report) {
  std::string body;
  base::HtmlWriter html(&body);
  html.Begin("main").Element("h1", {}, "Kernels, commit by commit");
  std::vector<std::string> notes = {
      "A ratio is the time at a commit over the time at the one before it, measured in interleaved rounds on one "
      "machine; "
      "a line multiplies ratios up. Commits whose programs are identical were not run and count as one.",
      "A verdict of slower or faster needs a p-value below 0.01 after Holm's adjustment and an interval wholly beyond "
      "the "
      "effect floor, which is at least what the same program differs from itself by. Inconclusive means that the "
      "interval "
      "allows for more than the smallest effect worth a name; it says neither yes nor no.",
      "Machines and settings each have a section of their own: their times are not compared."};
  if (report.unfinished > 0) {
    notes.push_back(absl::StrCat(report.unfinished, report.unfinished == 1 ? " session was" : " sessions were",
                                 " stopped before the end; asked for again, it goes on."));
  }
  base::WriteNotes(&html, notes);
  if (report.chains.empty()) html.Element("p", {}, "The history holds no finished session.");
  for (size_t i = 0; i < report.chains.size(); ++i) WriteChain(i, report.chains[i], &html);
  html.End().Finish();
  return base::ReportPage("Kernels, commit by commit", kStyle, body);
}

}  // namespace profile
