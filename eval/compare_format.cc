#include "eval/compare_format.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/html.h"
#include "base/json_writer.h"
#include "base/plots.h"
#include "base/report_page.h"
#include "eval/report_style.h"

namespace eval {
namespace {

std::string MetricText(double value) { return value < 0 ? "n/a" : absl::StrFormat("%.4f", value); }

std::string DifferenceText(double value) { return std::isnan(value) ? "n/a" : absl::StrFormat("%+.4f", value); }

std::string IntervalText(const base::Interval& interval) {
  return std::isnan(interval.low) ? "" : absl::StrFormat("[%+.4f, %+.4f]", interval.low, interval.high);
}

std::string PValueText(double p_value) {
  if (std::isnan(p_value)) return "";
  return p_value < 0.001 ? "<0.001" : absl::StrFormat("%.3f", p_value);
}

std::string Percent(double share) { return absl::StrFormat("%g %%", 100 * share); }

std::vector<std::string> Notes(const Comparison& comparison) {
  const std::string level = absl::StrFormat("%g", 1 - comparison.confidence);
  std::vector<std::string> notes;
  notes.push_back(absl::StrCat("Intervals: paired percentile bootstrap, ", base::Thousands(comparison.num_resamples),
                               " resamples of ", base::Thousands(comparison.num_images), " images (seed ",
                               comparison.seed, "), the same for A and B; each holds the middle ",
                               Percent(comparison.confidence), "."));
  notes.push_back(absl::StrCat("Verdicts: better or worse where p by Holm, adjusted for ", comparison.num_tests(),
                               " metrics, is below ", level,
                               ": whoever believes them is wrong about any metric in at most ",
                               Percent(1 - comparison.confidence), " of such comparisons."));
  notes.push_back(
      "This speaks of evaluation images only: how the difference would vary on other images of the same kind. It says "
      "nothing of other training runs (seeds) of the same models; for those, compare several runs of each.");
  if (comparison.too_few_resamples()) {
    notes.push_back("With so few resamples no p can be small enough: every verdict is inconclusive.");
  }
  for (const MetricComparison& metric : comparison.metrics) {
    if (metric.resamples == comparison.num_resamples || std::isnan(metric.p_value)) continue;
    notes.push_back(
        absl::StrCat(metric.name, " exists on ", base::Thousands(metric.resamples), " of the resamples only."));
  }
  for (const std::string& warning : comparison.warnings) notes.push_back(warning);
  return notes;
}

std::string Headline(const Comparison& comparison) {
  const MetricComparison& ap = comparison.metrics[0];
  switch (ap.verdict) {
    case base::Verdict::kBetter:
    case base::Verdict::kWorse:
      return absl::StrCat("B has ", ap.verdict == base::Verdict::kBetter ? "a better " : "a worse ", ap.name,
                          " than A: ", DifferenceText(ap.difference), " ", IntervalText(ap.interval), ".");
    case base::Verdict::kInconclusive:
      return absl::StrCat("Inconclusive: ", ap.name, " of B differs by ", DifferenceText(ap.difference), " ",
                          IntervalText(ap.interval), "; other images might say the opposite.");
    case base::Verdict::kNotAvailable:
      break;
  }
  return "Nothing can be compared: no annotation counts.";
}

void WriteTable(const Comparison& comparison, base::HtmlWriter* html) {
  base::BeginTable(html, "Metrics",
                   {{"metric"},
                    {"A", true},
                    {"B", true},
                    {"B − A", true},
                    {absl::StrCat(Percent(comparison.confidence), " interval")},
                    {"p", true},
                    {"p (Holm)", true},
                    {"B is"}});
  for (const MetricComparison& metric : comparison.metrics) {
    const std::string verdict = base::VerdictName(metric.verdict);
    html->Begin("tr").Element("th", {{"scope", "row"}}, metric.name);
    base::NumberCell(html, MetricText(metric.a));
    base::NumberCell(html, MetricText(metric.b));
    base::NumberCell(html, DifferenceText(metric.difference));
    html->Element("td", {}, IntervalText(metric.interval));
    base::NumberCell(html, PValueText(metric.p_value));
    base::NumberCell(html, PValueText(metric.holm_p_value));
    html->Begin("td").Element(
        "span", {{"class", absl::StrCat("verdict verdict-", verdict == "n/a" ? "none" : verdict)}}, verdict);
    html->End().End().NewLine();
  }
  base::EndTable(html);
}

void WritePlot(const Comparison& comparison, base::HtmlWriter* html) {
  base::IntervalPlot plot;
  plot.title = "B − A";
  plot.x_label = "difference";
  plot.interval = absl::StrCat(Percent(comparison.confidence), " interval over evaluation images");
  for (const MetricComparison& metric : comparison.metrics) {
    if (std::isnan(metric.p_value)) continue;
    base::IntervalRow row;
    row.name = metric.name;
    row.text = base::VerdictName(metric.verdict);
    row.style = metric.verdict == base::Verdict::kInconclusive ? 0 : metric.verdict == base::Verdict::kBetter ? 3 : 2;
    row.estimate = metric.difference;
    row.interval = metric.interval;
    plot.rows.push_back(row);
  }
  base::WriteIntervalPlot(plot, html);
}

}  // namespace

std::string FormatComparisonText(const Comparison& comparison) {
  std::string text = absl::StrCat("A: ", comparison.a_name, "\nB: ", comparison.b_name, "\n\n");
  absl::StrAppendFormat(&text, "%-10s %8s %8s %9s  %-20s %8s %9s  %s\n", "", "A", "B", "B - A",
                        Percent(comparison.confidence) + " interval", "p", "p (Holm)", "B is");
  for (const MetricComparison& metric : comparison.metrics) {
    absl::StrAppendFormat(&text, "%-10s %8s %8s %9s  %-20s %8s %9s  %s\n", metric.name, MetricText(metric.a),
                          MetricText(metric.b), DifferenceText(metric.difference), IntervalText(metric.interval),
                          PValueText(metric.p_value), PValueText(metric.holm_p_value),
                          base::VerdictName(metric.verdict));
  }
  absl::StrAppend(&text, "\n", Headline(comparison), "\n");
  for (const std::string& note : Notes(comparison)) absl::StrAppend(&text, note, "\n");
  return text;
}

std::string FormatComparisonJson(const Comparison& comparison) {
  std::string text;
  base::JsonWriter::Options options;
  options.indent = 1;
  options.not_finite = base::JsonWriter::kNull;
  base::JsonWriter json(&text, options);
  json.BeginObject();
  json.Member("a", comparison.a_name).Member("b", comparison.b_name).Member("images", comparison.num_images);
  json.Member("resamples", comparison.num_resamples).Member("seed", comparison.seed);
  json.Member("confidence", comparison.confidence);
  json.Member("interval_over", "evaluation images, not training seeds");
  json.Member("adjustment", "Holm").Member("tests", comparison.num_tests());
  json.Key("metrics").BeginArray();
  for (const MetricComparison& metric : comparison.metrics) {
    const double kNull = std::nan("");
    json.BeginObject(base::JsonWriter::kOneLine).Member("name", metric.name);
    json.Member("a", metric.a < 0 ? kNull : metric.a).Member("b", metric.b < 0 ? kNull : metric.b);
    json.Member("difference", metric.difference).Member("low", metric.interval.low);
    json.Member("high", metric.interval.high).Member("p_value", metric.p_value);
    json.Member("holm_p_value", metric.holm_p_value).Member("verdict", base::VerdictName(metric.verdict));
    json.Member("resamples", metric.resamples).EndObject();
  }
  json.EndArray().EndObject();
  json.Finish();
  return text;
}

std::string FormatComparisonHtml(const Comparison& comparison) {
  std::string body;
  base::HtmlWriter html(&body);
  html.Begin("main").Begin("header").Element("h1", {}, "Two results compared");
  html.Begin("p", {{"class", "lead"}}).Text("A: ").Element("code", {}, comparison.a_name);
  html.Text(" · B: ").Element("code", {}, comparison.b_name).End().End().NewLine();
  base::BeginSection(&html, "metrics", "Every metric");
  html.Begin("p", {{"class", "headline"}}).Element("b", {}, Headline(comparison)).End().NewLine();
  WriteTable(comparison, &html);
  WritePlot(comparison, &html);
  html.End().NewLine();
  base::BeginSection(&html, "meaning", "What this says");
  base::WriteNotes(&html, Notes(comparison));
  html.End().End().NewLine();
  html.Finish();
  return base::ReportPage("Two results compared", kReportStyle, body);
}

}  // namespace eval
