#include "ablations/report_html.h"

#include <vector>

#include "ablations/report_cost.h"
#include "ablations/report_figures.h"
#include "ablations/report_notes.h"
#include "ablations/report_tables.h"
#include "ablations/report_text.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/html.h"
#include "base/plots.h"
#include "base/report_page.h"

namespace grouppose {
namespace {

using base::HtmlWriter;

// From so many on, the plot of differences stands in two columns.
constexpr size_t kManyVariants = 8;

// Persons: the colours of Okabe and Ito (2008), bright ones, for they lie on photos with a dark casing.
constexpr char kStyle[] = R"css(
main { max-width: 82rem; }
table { border-collapse: collapse; }
th, td { padding: .42rem .5rem; }
thead th { white-space: normal; }
.seeds span { margin-right: .25rem; }
.swatch { background: currentColor; }
.callout { border-left: 4px solid var(--warn-line); padding: .1rem 0 .1rem 1rem; margin: .9rem 0; }
@media (min-width: 60rem) { .wide { grid-column: 1 / -1; } }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
  font-size: .85em; }
pre { overflow-x: auto; padding: .75rem; background: var(--page); border-radius: .5rem; margin: .5rem 0; }
code.same { color: var(--muted); }
code.differs { font-weight: 600; }
details { margin: .7rem 0; }
summary { cursor: pointer; color: var(--link); }
.command { display: block; padding: .6rem .8rem; background: var(--plain-back); border-radius: .5rem; overflow-x: auto;
  white-space: nowrap; }
dl { margin: .4rem 0; display: grid; grid-template-columns: minmax(0, 1fr); gap: .1rem 1.2rem; font-size: .9rem; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; max-width: 75ch; }
@media (min-width: 45rem) { dl { grid-template-columns: 9rem minmax(0, 1fr); } }
.pictures { position: absolute; width: 0; height: 0; }
.pictures image, use { image-rendering: pixelated; }
.strip { display: grid; gap: .8rem; max-width: 80rem; grid-template-columns:
  repeat(auto-fill, minmax(max(6.6rem, min(12rem, calc(100% / var(--count) - .8rem))), 1fr)); }
.example { margin: 0; max-width: 14rem; min-width: 0; }
.example svg { display: block; width: 100%; height: auto; border-radius: .4rem; overflow: hidden; background: #777; }
.example figcaption { font-size: .85rem; line-height: 1.3; margin-top: .3rem; overflow-wrap: anywhere; }
.example figcaption span { display: block; color: var(--muted); font-size: .8rem; }
.no-picture { fill: #6b7280; }
.example path { fill: none; stroke-linecap: round; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.casing { stroke: #000; stroke-opacity: .55; stroke-width: 4.5px; }
.limb { stroke: currentColor; stroke-width: 2.2px; }
.joint { stroke: currentColor; stroke-width: 5px; }
.person-0 { color: #56b4e9; } .person-1 { color: #f0a000; } .person-2 { color: #2fd6a3; }
.person-3 { color: #f0e442; } .person-4 { color: #e69ac6; } .person-5 { color: #ff7a2f; }
.person-none { color: #fff; } .person-none .limb { stroke-dasharray: 3 4; } .person-none .casing { stroke-opacity: .25; }
)css";

struct Anchor {
  const char* id;
  const char* title;
};

void WriteHeader(const Study& study, const std::vector<Anchor>& anchors, HtmlWriter* html) {
  html->Begin("header").Element("h1", {}, study.name);
  html->Element("p", {{"class", "lead"}}, StudyDescription(study));
  html->Begin("nav", {{"aria-label", "Sections"}});
  for (const Anchor& anchor : anchors) {
    html->Element("a", {{"href", absl::StrCat("#", anchor.id)}}, anchor.title).Text(" ");
  }
  html->End().End().NewLine();
}

void WriteResults(const Study& study, const Comparisons& comparisons, HtmlWriter* html) {
  base::BeginSection(html, "results", "Results");
  WriteResultTable(study, comparisons, html);
  if (!study.pretraining.cells.empty()) {
    html->Element("p", {{"class", "small"}},
                  absl::StrFormat("Shared pretraining: stage one alone has AP %s (%.0f CPU s each).",
                                  ApList(study.pretraining.Aps()), study.pretraining.CpuSeconds()));
  }
  html->Begin("details").Element("summary", {}, "All metrics of the last evaluation, means over seeds");
  WriteAllMetricsTable(study, html);
  html->End();
  html->Begin("details").Element("summary", {}, "What the columns mean").Begin("dl");
  const std::vector<std::pair<const char*, std::string>> terms = {
      {"spread", "Standard deviation over seeds, n - 1 in the denominator."},
      {"difference",
       absl::StrCat("Mean of AP less that of ", study.baseline_name,
                    " at the seeds that both have, with its 95 % interval. At one seed, variants share pretraining, "
                    "order, augmentation and the initial values of what they have in common.")},
      {"95 % interval",
       "Of the mean difference, by Student's t over the paired seeds: noise of training. It takes differences to be "
       "about "
       "normal, which a few seeds cannot show. A number in brackets counts the pairs where not all seeds have a "
       "partner."},
      {"p (Holm)", "Of the paired t-test, adjusted by Holm's method for all variants compared here."},
      {"verdict", "Better or worse where the interval leaves out zero, else inconclusive; n/a below three seeds."},
      {"in attention", "Parameters of the decoder's self-attention, all layers."},
      {"pairs", "Query-key pairs of the decoder's self-attention: one image, one head, all layers."},
      {"CPU s", "Of one training with its evaluations, mean over seeds; without the pretraining."}};
  for (const auto& [term, meaning] : terms) html->Element("dt", {}, term).Element("dd", {}, meaning);
  html->End().End().End().NewLine();
}

std::vector<const Comparison*> ToBaseline(const Comparisons& comparisons) {
  std::vector<const Comparison*> pointers;
  for (const Comparison& comparison : comparisons.to_baseline) pointers.push_back(&comparison);
  return pointers;
}

void WriteDifferences(const Study& study, const Comparisons& comparisons, HtmlWriter* html) {
  base::BeginSection(html, "differences", absl::StrCat("Differences to ", study.baseline_name));
  const std::vector<const Comparison*> all = ToBaseline(comparisons);
  const std::string title = absl::StrCat("AP less that of ", study.baseline_name, " at equal seeds");
  const bool many = all.size() > kManyVariants;
  const auto half = all.begin() + (all.size() + 1) / 2;
  html->Begin("div", {{"class", "figures"}});
  if (many) {
    WriteDifferencePlot(study, title, {all.begin(), half}, ScaleOf(all), html);
    WriteDifferencePlot(study, absl::StrCat(title, ", continued"), {half, all.end()}, ScaleOf(all), html);
  } else {
    WriteDifferencePlot(study, title, all, ScaleOf(all), html);
  }
  html->Begin("div", {{"class", many ? "wide" : ""}});
  html->Element("p", {},
                "Two kinds of noise, kept apart. The thick bar is noise of training: would other seeds have given "
                "another difference? The verdict comes from it alone.");
  if (comparisons.resamples > 0) {
    html->Element("p", {},
                  absl::StrCat("The thin lines are evaluation noise only: would other test images have given another "
                               "difference between these two trained models? Paired bootstrap over images: both models "
                               "on the same resampled images, ",
                               comparisons.resamples, " times."));
  }
  const std::vector<std::string> budget = BudgetNotes(study, comparisons);
  if (!budget.empty()) {
    html->Begin("div", {{"class", "callout"}}).Element("b", {}, "What the budget does not allow to conclude");
    base::WriteNotes(html, budget);
    html->End();
  }
  html->End().End().End().NewLine();
}

// The comparisons that have a control, without and with content in the instance tokens, on one scale.
void WriteControlPlots(const Study& study, const Comparisons& comparisons, HtmlWriter* html) {
  if (comparisons.controls.empty()) return;
  std::vector<const Comparison*> without, with, both;
  for (const Comparisons::Control& control : comparisons.controls) {
    without.push_back(comparisons.Find(*control.row));
    with.push_back(&control.with_content);
    both.push_back(without.back());
    both.push_back(with.back());
  }
  html->Element("h3", {}, "The control: the same differences with and without content in the instance tokens");
  html->Begin("div", {{"class", "figures"}});
  WriteDifferencePlot(study, absl::StrCat("Without, to ", study.baseline_name), without, ScaleOf(both), html);
  WriteDifferencePlot(study, absl::StrCat("With, to ", with.front()->other->variant), with, ScaleOf(both), html);
  html->End().NewLine();
}

void WriteEffects(const Study& study, const Comparisons& comparisons, HtmlWriter* html) {
  base::BeginSection(html, "effects", "What a difference may be an effect of");
  base::WriteNotes(html, EffectNotes(study, comparisons));
  WriteControlPlots(study, comparisons, html);
  html->Element("h3", {}, "Images");
  base::WriteNotes(html, ImageNotes(study));
  html->End().NewLine();
}

void WriteTraining(const Study& study, HtmlWriter* html) {
  base::BeginSection(html, "training", "Training");
  WriteTrainingPlots(study, html);
  html->End().NewLine();
}

void WriteExampleSection(const Examples& examples, HtmlWriter* html) {
  base::BeginSection(html, "examples", "Example predictions");
  html->Element("p", {},
                absl::StrCat("The first ", examples.images.size(),
                             " test images by id that show a person: not chosen for what they show. Of every variant, "
                             "the best-scored poses, as many as there are persons. A pose has the colour of the person "
                             "that the evaluator matches it with (OKS 0.5 or more), and is white and dashed where it "
                             "matches none."));
  if (!examples.images.empty() && examples.images.front().png.empty()) {
    html->Element("p", {{"class", "small"}}, "Drawn without the images: they are no part of this report.");
  }
  WriteExamples(examples, html);
  html->End().NewLine();
}

void WriteCost(const experiments::Cost& cost, HtmlWriter* html) {
  base::BeginSection(html, "cost", "What a scheme costs");
  WriteCostTables(cost, html);
  html->End().NewLine();
}

void WriteExperiments(const Study& study, HtmlWriter* html) {
  base::BeginSection(html, "experiments", "Experiments");
  WriteFieldTables(study, html);
  html->End().NewLine();
}

void WriteProvenance(const Study& study, HtmlWriter* html) {
  base::BeginSection(html, "provenance", "Provenance");
  if (!study.label.empty()) {
    html->Element("p", {}, "reproduce:");
    html->Element("code", {{"class", "command"}, {"tabindex", "0"}}, absl::StrCat("./bazelw run ", study.label));
  }
  html->Begin("details").Element("summary", {}, "SHA-256 of what every cell was made from");
  WriteProvenanceTable(study, html);
  html->Element("p", {{"class", "small"}},
                "The first digits; report.json has all. The same experiment, program, wheel, data and initial weights "
                "give the same bytes. The commit is printed by the command above.");
  html->End().End().NewLine();
}

}  // namespace

std::string ReportHtml(const Study& study, const Comparisons& comparisons, const Examples& examples,
                       const experiments::Cost* cost) {
  std::string body;
  HtmlWriter html(&body);
  const bool compares = !comparisons.to_baseline.empty();
  std::vector<Anchor> anchors = {{"results", "Results"}};
  if (compares) anchors.push_back({"differences", "Differences"});
  if (compares) anchors.push_back({"effects", "Effects"});
  anchors.push_back({"training", "Training"});
  if (!examples.images.empty()) anchors.push_back({"examples", "Examples"});
  if (cost != nullptr) anchors.push_back({"cost", "Cost"});
  anchors.push_back({"experiments", "Experiments"});
  anchors.push_back({"provenance", "Provenance"});

  html.Begin("main").NewLine();
  WriteHeader(study, anchors, &html);
  WriteResults(study, comparisons, &html);
  if (compares) WriteDifferences(study, comparisons, &html);
  if (compares) WriteEffects(study, comparisons, &html);
  WriteTraining(study, &html);
  if (!examples.images.empty()) WriteExampleSection(examples, &html);
  if (cost != nullptr) WriteCost(*cost, &html);
  WriteExperiments(study, &html);
  WriteProvenance(study, &html);
  html.End().NewLine();
  html.Finish();
  return base::ReportPage(study.name, kStyle, body);
}

}  // namespace grouppose
