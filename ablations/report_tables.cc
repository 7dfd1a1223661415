#include "ablations/report_tables.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ablations/report_figures.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace grouppose {
namespace {

using base::HtmlWriter;
using experiments::Cost;
using experiments::Metrics;

// 801852 -> "801,852"
std::string Thousands(int64_t number) {
  std::string text = absl::StrCat(number);
  const size_t first = text[0] == '-' ? 1 : 0;
  for (size_t i = text.size(); i > first + 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

// A long table scrolls in its own frame, also with the keyboard.
void BeginTable(HtmlWriter* html, const std::string& label, const std::vector<std::string>& heads) {
  html->Begin("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", label}});
  html->Begin("table").Begin("thead").Begin("tr");
  for (size_t i = 0; i < heads.size(); ++i) html->Element("th", {{"scope", "col"}}, heads[i]);
  html->End().End().NewLine().Begin("tbody").NewLine();
}

void EndTable(HtmlWriter* html) { html->End().End().End().NewLine(); }

void NumberCell(HtmlWriter* html, const std::string& text) { html->Element("td", {{"class", "number"}}, text); }

// The variant's name with its colour.
void VariantCell(const Study& study, const Row& row, HtmlWriter* html) {
  html->Begin("th", {{"scope", "row"}});
  html->Element("span", {{"class", absl::StrCat("swatch plot-", PlotStyleOf(study, row))}, {"aria-hidden", "true"}},
                "");
  html->Text(row.variant).End();
}

void VerdictCell(const Comparison* comparison, HtmlWriter* html) {
  html->Begin("td");
  if (comparison == nullptr) {
    html->Element("span", {{"class", "verdict"}}, "baseline");
  } else {
    const std::string name = base::VerdictName(comparison->paired.verdict);
    html->Element("span", {{"class", absl::StrCat("verdict verdict-", name == "n/a" ? "none" : name)}}, name);
  }
  html->End();
}

void WriteResultRow(const Study& study, const Comparisons& comparisons, const Row& row, HtmlWriter* html) {
  const std::vector<double> aps = row.Aps();
  const Metrics& metrics = row.first().metrics;
  const Comparison* comparison = comparisons.Find(row);
  html->Begin("tr");
  VariantCell(study, row, html);
  html->Begin("td", {{"class", "seeds"}});
  for (const Cell* cell : row.cells) {
    html->Element("span", {{"title", absl::StrCat("seed ", cell->seed)}}, absl::StrFormat("%.3f", cell->ap()));
    html->Text(" ");
  }
  html->End();
  html->Begin("td", {{"class", "number"}}).Element("b", {}, absl::StrFormat("%.3f", base::Mean(aps))).End();
  NumberCell(html, aps.size() > 1 ? absl::StrFormat("%.3f", base::SampleStandardDeviation(aps)) : "–");
  const bool any = comparison != nullptr && comparison->paired.pairs() > 0;
  NumberCell(html, any ? absl::StrFormat("%+.3f (%d)", comparison->paired.mean, comparison->paired.pairs()) : "");
  NumberCell(html, any && comparison->paired.interval.has_value() ? IntervalText(*comparison->paired.interval) : "");
  NumberCell(html,
             any && !std::isnan(comparison->holm_p_value) ? absl::StrFormat("%.3f", comparison->holm_p_value) : "");
  VerdictCell(comparison, html);
  NumberCell(html, Thousands(metrics.trainable_parameters()));
  NumberCell(html, Thousands(metrics.attention_parameters()));
  NumberCell(html, Thousands(metrics.attention_pairs()));
  NumberCell(html, absl::StrFormat("%.0f", row.CpuSeconds()));
  html->End().NewLine();
}

// ---- cost

std::string Milliseconds(const Cost::Quartiles& seconds) { return absl::StrFormat("%.2f", seconds.median() * 1e3); }

std::string QuartileText(const Cost::Quartiles& seconds) {
  return absl::StrFormat("%.2f–%.2f", seconds.first() * 1e3, seconds.third() * 1e3);
}

std::string Mebibytes(int64_t bytes) { return absl::StrFormat("%.1f", static_cast<double>(bytes) / (1 << 20)); }

using PartOf = const Cost::Part& (*)(const Cost::Scheme&);

void WriteCostTable(const Cost& cost, const std::string& title, PartOf part_of, HtmlWriter* html) {
  html->Element("h3", {}, title);
  BeginTable(html, title,
             {"scheme", "forward, ms", "quartiles", "backward, ms", "quartiles", "to FULL", "memory forward, MiB",
              "backward, MiB", "inference, MiB", "GFLOP", "pairs", "parameters"});
  double full = std::nan("");
  for (const Cost::Scheme& scheme : cost.schemes()) {
    const Cost::Part& part = part_of(scheme);
    if (scheme.name() == "FULL") {
      full = part.forward().wall_seconds().median() + part.backward().wall_seconds().median();
    }
  }
  for (const Cost::Scheme& scheme : cost.schemes()) {
    const Cost::Part& part = part_of(scheme);
    const Cost::Quartiles &forward = part.forward().wall_seconds(), &backward = part.backward().wall_seconds();
    const double ratio = (forward.median() + backward.median()) / full;
    html->Begin("tr").Element("th", {{"scope", "row"}}, scheme.name());
    NumberCell(html, Milliseconds(forward));
    NumberCell(html, QuartileText(forward));
    NumberCell(html, Milliseconds(backward));
    NumberCell(html, QuartileText(backward));
    NumberCell(html, std::isfinite(ratio) ? absl::StrFormat("× %.2f", ratio) : "");
    NumberCell(html, Mebibytes(part.forward().peak_bytes()));
    NumberCell(html, Mebibytes(part.backward().peak_bytes()));
    NumberCell(html, Mebibytes(part.inference_peak_bytes()));
    NumberCell(html, absl::StrFormat("%.3f", static_cast<double>(part.flops()) / 1e9));
    NumberCell(html, Thousands(part.attention_pairs()));
    NumberCell(html, Thousands(part.parameters()));
    html->End().NewLine();
  }
  EndTable(html);
}

// ---- provenance

// The first digits of a hash: enough to compare by eye. report.json has all of them.
constexpr size_t kHashDigits = 12;

void HashCell(HtmlWriter* html, const std::string& hash) {
  html->Begin("td").Element("code", {{"title", hash}}, hash.empty() ? "–" : hash.substr(0, kHashDigits)).End();
}

void WriteProvenanceRow(const Cell& cell, HtmlWriter* html) {
  const experiments::Provenance& provenance = cell.provenance;
  html->Begin("tr").Element("th", {{"scope", "row"}}, cell.variant);
  NumberCell(html, absl::StrCat(cell.seed));
  HashCell(html, provenance.experiment_sha256());
  HashCell(html, provenance.program_sha256());
  HashCell(html, provenance.torch_sha256());
  HashCell(html, provenance.data_sha256());
  HashCell(html, provenance.initial_checkpoint_sha256());
  html->Element("td", {}, cell.times.processor());
  html->End().NewLine();
}

}  // namespace

void WriteResultTable(const Study& study, const Comparisons& comparisons, HtmlWriter* html) {
  BeginTable(html, "Results",
             {"variant", "AP by seed", "mean", "spread", absl::StrCat("to ", study.baseline_name), "95 % interval",
              "p (Holm)", "verdict", "parameters", "in attention", "pairs", "CPU s"});
  for (const Row& row : study.rows) WriteResultRow(study, comparisons, row, html);
  EndTable(html);
}

void WriteAllMetricsTable(const Study& study, HtmlWriter* html) {
  std::vector<std::string> heads = {"variant"};
  for (const Metrics::Value& value : study.baseline().first().result().values()) heads.push_back(value.name());
  BeginTable(html, "All metrics", heads);
  for (const Row& row : study.rows) {
    html->Begin("tr");
    VariantCell(study, row, html);
    for (size_t i = 1; i < heads.size(); ++i) {
      std::vector<double> values;
      for (const Cell* cell : row.cells) {
        for (const Metrics::Value& value : cell->result().values()) {
          // -1 stands for a number that does not exist
          if (value.name() == heads[i] && value.value() >= 0) values.push_back(value.value());
        }
      }
      NumberCell(html, values.empty() ? "–" : absl::StrFormat("%.3f", base::Mean(values)));
    }
    html->End().NewLine();
  }
  EndTable(html);
}

void WriteCostTables(const Cost& cost, HtmlWriter* html) {
  const Cost::Setting& setting = cost.setting();
  const Cost::Conditions& conditions = cost.conditions();
  html->Element(
      "p", {},
      absl::StrFormat("Every scheme in one process, in turns, at N = %d, K = %d, d = %d, batch %d, %d decoder "
                      "layers. %d threads on %s, torch %s (%s). Wall time, median and quartiles. Load of the "
                      "machine: %.1f before, %.1f after; the passes had %.0f %% of the cores they asked for.",
                      setting.num_queries(), setting.num_body_points(), setting.hidden_dim(), setting.batch(),
                      setting.decoder_layers(), conditions.threads(), conditions.processor(),
                      conditions.torch_version(), conditions.instruction_set(), conditions.load_average_at_start(),
                      conditions.load_average_at_end(), conditions.cpu_share() * 100));
  WriteCostTable(
      cost, "Self-attention block", [](const Cost::Scheme& s) -> const Cost::Part& { return s.attention_block(); },
      html);
  WriteCostTable(
      cost, "Decoder layer", [](const Cost::Scheme& s) -> const Cost::Part& { return s.decoder_layer(); }, html);
  WriteCostTable(
      cost, "Whole decoder", [](const Cost::Scheme& s) -> const Cost::Part& { return s.decoder(); }, html);
  html->Element("p", {{"class", "small"}},
                "To FULL: forward and backward together, by the medians. Memory: the most bytes of tensors alive at "
                "once, without parameters and inputs. GFLOP: one image's forward pass, a multiply-add is two. Pairs: "
                "query-key pairs of self-attention, one image, one head.");
}

void WriteFieldTables(const Study& study, HtmlWriter* html) {
  const FieldTable table = FieldsOf(study);
  if (table.paths.empty()) {
    html->Element("p", {}, "All variants are the same experiment.");
  } else {
    std::vector<std::string> heads = {"variant"};
    heads.insert(heads.end(), table.paths.begin(), table.paths.end());
    BeginTable(html, "Fields that differ", heads);
    const size_t baseline = static_cast<size_t>(&study.baseline() - study.rows.data());
    for (size_t row = 0; row < study.rows.size(); ++row) {
      html->Begin("tr");
      VariantCell(study, study.rows[row], html);
      for (size_t i = 0; i < table.paths.size(); ++i) {
        const bool differs = table.values[row][i] != table.values[baseline][i];
        html->Begin("td").Element("code", {{"class", differs ? "differs" : "same"}}, table.values[row][i]).End();
      }
      html->End().NewLine();
    }
    EndTable(html);
  }
  html->Begin("details").Element("summary", {}, absl::StrCat("The ", table.shared.size(), " fields that all share"));
  html->Begin("pre").Begin("code");
  for (const auto& [path, value] : table.shared) html->Text(absl::StrCat(path, ": ", value, "\n"));
  html->End().End().End().NewLine();
}

void WriteProvenanceTable(const Study& study, HtmlWriter* html) {
  BeginTable(html, "Provenance",
             {"variant", "seed", "experiment", "program", "LibTorch wheel", "data", "initial weights", "processor"});
  for (const Cell* cell : study.pretraining.cells) WriteProvenanceRow(*cell, html);
  for (const Row& row : study.rows) {
    for (const Cell* cell : row.cells) WriteProvenanceRow(*cell, html);
  }
  EndTable(html);
}

}  // namespace grouppose
