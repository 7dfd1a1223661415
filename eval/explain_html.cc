#include "eval/explain_html.h"

#include <array>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/html.h"
#include "base/plots.h"
#include "base/report_page.h"
#include "eval/explain_format.h"
#include "eval/matching.h"
#include "eval/precision_recall.h"
#include "eval/report_style.h"

namespace eval {
namespace {

using base::HtmlWriter;

std::string Number(double value) { return value < 0 ? "–" : absl::StrFormat("%.4f", value); }

// A part of a stacked bar: `share` of its width.
void BarPart(HtmlWriter* html, const std::string& kind, double share, const std::string& title) {
  if (share < 5e-4) return;  // less than a pixel
  html->Element("span",
                {{"class", absl::StrCat("kind-", kind)},
                 {"style", absl::StrFormat("width:%.2f%%", 100 * share)},
                 {"title", title}},
                "");
}

void Legend(HtmlWriter* html, const std::vector<std::pair<std::string, std::string>>& kinds) {
  html->Begin("ul", {{"class", "legend"}});
  for (const auto& [kind, name] : kinds) {
    html->Begin("li").Element("span", {{"class", absl::StrCat("swatch kind-", kind)}, {"aria-hidden", "true"}}, "");
    html->Text(name).End();
  }
  html->End().NewLine();
}

// AP and what is missing of it, as one bar from 0 to 1.
void WriteApBar(const Explanation& explanation, HtmlWriter* html) {
  const ErrorCosts& costs = explanation.costs;
  std::vector<std::pair<std::string, std::string>> kinds = {{"ap", absl::StrFormat("AP %.3f", costs.baseline.ap)}};
  html->Begin("div", {{"class", "bar ap-bar"}, {"role", "img"}, {"aria-label", explanation.Headline()}});
  BarPart(html, "ap", costs.baseline.ap, kinds[0].second);
  for (const ErrorCost& cost : costs.costs) {
    const std::string name = absl::StrFormat("%s %+.3f", ErrorKindName(cost.kind), cost.gain_in_turn);
    BarPart(html, ErrorKindName(cost.kind), cost.gain_in_turn, name);
    kinds.emplace_back(ErrorKindName(cost.kind), name);
  }
  html->End().NewLine();
  Legend(html, kinds);
}

void WriteErrorTable(const Explanation& explanation, HtmlWriter* html) {
  base::BeginTable(
      html, "Errors",
      {{"error"}, {"AP alone", true}, {"AP in turn", true}, {"AP after", true}, {"what it is"}, {"how often"}});
  for (const ErrorCost& cost : explanation.costs.costs) {
    html->Begin("tr").Begin("th", {{"scope", "row"}});
    html->Element("span", {{"class", absl::StrCat("swatch kind-", ErrorKindName(cost.kind))}, {"aria-hidden", "true"}},
                  "");
    html->Text(ErrorKindName(cost.kind)).End();
    base::NumberCell(html, absl::StrFormat("%+.4f", cost.gain_alone));
    base::NumberCell(html, absl::StrFormat("%+.4f", cost.gain_in_turn));
    base::NumberCell(html, Number(cost.in_turn.ap));
    html->Element("td", {{"class", "words"}}, ErrorMeaning(cost.kind));
    html->Element("td", {{"class", "words"}}, ErrorSize(explanation.diagnosis, cost.kind));
    html->End().NewLine();
  }
  base::EndTable(html);
}

// ---- plots

// What lies between 0 and 1.
base::LinePlot PlotOfShares(const std::string& title, const std::string& x_label, const std::string& y_label) {
  base::LinePlot plot;
  plot.title = title;
  plot.x_label = x_label;
  plot.y_label = y_label;
  plot.y_low = 0;
  plot.y_high = 1;
  return plot;
}

// One line for what was measured and one after each correction but the last, which makes everything 1.
std::vector<base::PlotSeries> SeriesInTurn(const ErrorCosts& costs, const std::vector<double>& x,
                                           const std::function<std::vector<double>(const ApByThreshold&)>& y) {
  std::vector<base::PlotSeries> series = {{"measured", 0, x, y(costs.baseline), {}, {}}};
  for (const ErrorCost& cost : costs.costs) {
    if (cost.kind == ErrorKind::kMissed) continue;
    series.push_back({absl::StrCat("without ", ErrorKindName(cost.kind)),
                      static_cast<int>(series.size()),
                      x,
                      y(cost.in_turn),
                      {},
                      {}});
  }
  return series;
}

void WritePrecisionRecall(const ErrorCosts& costs, int threshold, HtmlWriter* html) {
  base::LinePlot plot =
      PlotOfShares(absl::StrFormat("Precision and recall at OKS %.2f, corrected in turn", OksThresholds()[threshold]),
                   "recall", "precision");
  const std::vector<double> recalls(RecallGrid().begin(), RecallGrid().end());
  plot.series = SeriesInTurn(costs, recalls, [threshold](const ApByThreshold& ap) {
    return std::vector<double>(ap.precision.begin() + threshold * kNumRecalls,
                               ap.precision.begin() + (threshold + 1) * kNumRecalls);
  });
  base::WriteLinePlot(plot, html);
}

void WriteOfficialCurves(const ErrorCosts& costs, HtmlWriter* html) {
  base::LinePlot plot = PlotOfShares("Precision and recall as measured", "recall", "precision");
  const std::vector<double> recalls(RecallGrid().begin(), RecallGrid().end());
  for (const int threshold : {0, 3, 5, 7, 9}) {
    const auto begin = costs.baseline.precision.begin() + threshold * kNumRecalls;
    plot.series.push_back({absl::StrFormat("OKS %.2f", OksThresholds()[threshold]),
                           static_cast<int>(plot.series.size()),
                           recalls,
                           {begin, begin + kNumRecalls},
                           {},
                           {}});
  }
  base::WriteLinePlot(plot, html);
}

void WriteApByThreshold(const ErrorCosts& costs, HtmlWriter* html) {
  base::LinePlot plot = PlotOfShares("AP by OKS threshold, corrected in turn", "OKS threshold", "AP");
  const std::vector<double> thresholds(OksThresholds().begin(), OksThresholds().end());
  plot.series = SeriesInTurn(costs, thresholds, [](const ApByThreshold& ap) { return ap.at; });
  base::WriteLinePlot(plot, html);
}

// ---- tables by keypoint and by group

int NumLabelled(const std::array<int, kNumKeypointKinds>& counts) {
  int labelled = 0;
  for (const KeypointKind kind : kShownKinds) labelled += counts[static_cast<int>(kind)];
  return labelled;
}

void KindBarCell(const std::array<int, kNumKeypointKinds>& counts, HtmlWriter* html) {
  const int labelled = NumLabelled(counts);
  html->Begin("td", {{"class", "bar-cell"}}).Begin("div", {{"class", "bar"}});
  for (const KeypointKind kind : kShownKinds) {
    const int count = counts[static_cast<int>(kind)];
    if (labelled == 0) break;
    BarPart(html, KeypointKindName(kind), static_cast<double>(count) / labelled,
            absl::StrCat(KeypointKindName(kind), " ", ShareText(count, labelled)));
  }
  html->End().End();
}

void KindCells(const std::array<int, kNumKeypointKinds>& counts, HtmlWriter* html) {
  const int labelled = NumLabelled(counts);
  for (const KeypointKind kind : kShownKinds) {
    base::NumberCell(html, ShareText(counts[static_cast<int>(kind)], labelled));
  }
}

void KindLegend(HtmlWriter* html) {
  std::vector<std::pair<std::string, std::string>> kinds;
  for (const KeypointKind kind : kShownKinds) kinds.emplace_back(KeypointKindName(kind), KeypointKindName(kind));
  Legend(html, kinds);
}

void AddKindHeads(std::vector<base::TableHead>* heads) {
  for (const KeypointKind kind : kShownKinds) heads->push_back({KeypointKindName(kind), true});
  heads->push_back({""});
}

void WriteKeypointTable(const Explanation& explanation, HtmlWriter* html) {
  std::vector<base::TableHead> heads = {{"keypoint"}, {"labelled", true}, {"mean similarity", true}};
  AddKindHeads(&heads);
  KindLegend(html);
  base::BeginTable(html, "Keypoints", heads);
  for (const KeypointSummary& keypoint : explanation.keypoints) {
    html->Begin("tr").Element("th", {{"scope", "row"}}, keypoint.name);
    base::NumberCell(html, base::Thousands(keypoint.num_labelled));
    base::NumberCell(html, Number(keypoint.mean_similarity));
    KindCells(keypoint.counts, html);
    KindBarCell(keypoint.counts, html);
    html->End().NewLine();
  }
  base::EndTable(html);
}

void WriteGroupTable(const PersonGroups& groups, HtmlWriter* html) {
  std::vector<base::TableHead> heads = {{groups.name}, {"persons", true}, {"AP", true}, {"AR", true}};
  AddKindHeads(&heads);
  html->Element("h3", {}, absl::StrCat("By ", groups.name)).Element("p", {{"class", "small"}}, groups.definition);
  base::BeginTable(html, absl::StrCat("By ", groups.name), heads);
  for (const PersonGroup& group : groups.groups) {
    html->Begin("tr").Element("th", {{"scope", "row"}}, group.name);
    base::NumberCell(html, base::Thousands(group.num_persons));
    base::NumberCell(html, Number(group.ap));
    base::NumberCell(html, Number(group.ar));
    KindCells(group.keypoints, html);
    KindBarCell(group.keypoints, html);
    html->End().NewLine();
  }
  base::EndTable(html);
}

void WriteDrawings(const std::vector<DrawnCase>& drawings, HtmlWriter* html) {
  base::BeginSection(html, "cases", "Instructive cases");
  html->Element("p", {{"class", "small"}},
                "Left: as annotated. Right: as detected. Left sides of bodies are blue, right sides orange; rings mark "
                "wrong keypoints, and a line leads from each to its place.");
  html->Begin("div", {{"class", "pictures"}}).NewLine();
  for (const DrawnCase& drawing : drawings) {
    html->Begin("figure");
    html->Empty("img", {{"alt", drawing.caption}, {"src", base::DataUri("image/svg+xml", drawing.svg)}});
    html->Begin("figcaption").Element("b", {}, drawing.title).Element("span", {}, drawing.caption).End().End();
    html->NewLine();
  }
  html->End().End().NewLine();
}

struct Anchor {
  const char* id;
  const char* title;
};

void WriteHeader(const Explanation& explanation, const std::vector<Anchor>& anchors, HtmlWriter* html) {
  html->Begin("header").Element("h1", {}, "What keeps AP down");
  html->Begin("p", {{"class", "lead"}}).Element("code", {}, explanation.detections_name).Text(" on ");
  html->Element("code", {}, explanation.annotations_name).Text(absl::StrCat(" (", explanation.dataset.name, ")")).End();
  html->Begin("nav", {{"aria-label", "Sections"}});
  for (const Anchor& anchor : anchors) {
    html->Element("a", {{"href", absl::StrCat("#", anchor.id)}}, anchor.title).Text(" ");
  }
  html->End().End().NewLine();
}

void WriteSections(const Explanation& explanation, const std::vector<DrawnCase>& drawings, HtmlWriter* html) {
  base::BeginSection(html, "errors", "Errors and their price");
  html->Begin("p", {{"class", "headline"}}).Element("b", {}, explanation.Headline()).End().NewLine();
  WriteApBar(explanation, html);
  WriteErrorTable(explanation, html);
  base::WriteNotes(html, ExplanationNotes(explanation));
  html->End().NewLine();
  if (!drawings.empty()) WriteDrawings(drawings, html);
  base::BeginSection(html, "curves", "Curves");
  html->Begin("div", {{"class", "figures"}}).NewLine();
  WriteOfficialCurves(explanation.costs, html);
  WriteApByThreshold(explanation.costs, html);
  WritePrecisionRecall(explanation.costs, 0, html);
  WritePrecisionRecall(explanation.costs, 5, html);
  html->End().End().NewLine();
  base::BeginSection(html, "keypoints", "Keypoints");
  html->Element("p", {{"class", "small"}},
                "Labelled keypoints of detected persons; similarity is the keypoint's part of OKS.");
  WriteKeypointTable(explanation, html);
  html->End().NewLine();
  base::BeginSection(html, "groups", "Groups of persons");
  KindLegend(html);
  for (const PersonGroups& groups : explanation.groups) {
    if (!groups.groups.empty()) WriteGroupTable(groups, html);
  }
  html->End().NewLine();
}

}  // namespace

std::string FormatExplanationHtml(const Explanation& explanation, const std::vector<DrawnCase>& drawings) {
  std::string body;
  HtmlWriter html(&body);
  const bool any = explanation.costs.baseline.ap >= 0;
  std::vector<Anchor> anchors;
  if (any) anchors = {{"errors", "Errors"}, {"curves", "Curves"}, {"keypoints", "Keypoints"}, {"groups", "Groups"}};
  if (!drawings.empty()) anchors.insert(anchors.begin() + 1, {"cases", "Cases"});
  html.Begin("main");
  WriteHeader(explanation, anchors, &html);
  if (any) {
    WriteSections(explanation, drawings, &html);
  } else {
    html.Element("p", {}, explanation.Headline());
  }
  html.End().NewLine();
  html.Finish();
  return base::ReportPage("What keeps AP down", kReportStyle, body);
}

}  // namespace eval
