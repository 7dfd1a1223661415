#include "ablations/report_tables.h"

#include <string>
#include <vector>

#include "ablations/report_figures.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/report_page.h"

namespace grouppose {
namespace {

using base::HtmlWriter;
using experiments::Metrics;

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
  base::NumberCell(html, aps.size() > 1 ? absl::StrFormat("%.3f", base::SampleStandardDeviation(aps)) : "–");
  const bool any = comparison != nullptr && comparison->paired.pairs() > 0;
  html->Begin("td", {{"class", "difference"}});
  if (any) html->Text(absl::StrFormat("%+.3f", comparison->paired.mean));
  if (any && comparison->paired.interval.has_value()) html->Text(" " + IntervalText(*comparison->paired.interval));
  // where not all seeds have a partner
  if (any && comparison->seeds.size() != row.cells.size())
    html->Text(absl::StrCat(" (", comparison->seeds.size(), ")"));
  html->End();
  base::NumberCell(html, any ? PValueText(comparison->holm_p_value) : "");
  VerdictCell(comparison, html);
  base::NumberCell(html, base::Thousands(metrics.trainable_parameters()));
  base::NumberCell(html, base::Thousands(metrics.attention_parameters()));
  base::NumberCell(html, base::Thousands(metrics.attention_pairs()));
  base::NumberCell(html, absl::StrFormat("%.0f", row.CpuSeconds()));
  html->End().NewLine();
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
  base::NumberCell(html, absl::StrCat(cell.seed));
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
  base::BeginTable(html, "Results",
                   {{"variant"},
                    {"AP by seed"},
                    {"mean", true},
                    {"spread", true},
                    {absl::StrCat("to ", study.baseline_name, ", 95 % interval")},
                    {"p (Holm)", true},
                    {"verdict"},
                    {"parameters", true},
                    {"in attention", true},
                    {"pairs", true},
                    {"CPU s", true}});
  for (const Row& row : study.rows) WriteResultRow(study, comparisons, row, html);
  base::EndTable(html);
}

void WriteAllMetricsTable(const Study& study, HtmlWriter* html) {
  std::vector<base::TableHead> heads = {{"variant"}};
  for (const Metrics::Value& value : study.baseline().first().result().values()) heads.push_back({value.name(), true});
  base::BeginTable(html, "All metrics", heads);
  for (const Row& row : study.rows) {
    html->Begin("tr");
    VariantCell(study, row, html);
    for (size_t i = 1; i < heads.size(); ++i) {
      std::vector<double> values;
      for (const Cell* cell : row.cells) {
        for (const Metrics::Value& value : cell->result().values()) {
          // -1 stands for a number that does not exist
          if (value.name() == heads[i].text && value.value() >= 0) values.push_back(value.value());
        }
      }
      base::NumberCell(html, values.empty() ? "–" : absl::StrFormat("%.3f", base::Mean(values)));
    }
    html->End().NewLine();
  }
  base::EndTable(html);
}

void WriteFieldTables(const Study& study, HtmlWriter* html) {
  const FieldTable table = FieldsOf(study);
  if (table.paths.empty()) {
    html->Element("p", {}, "All variants are the same experiment.");
  } else {
    std::vector<base::TableHead> heads = {{"variant"}};
    for (const std::string& path : table.paths) heads.push_back({path});
    base::BeginTable(html, "Fields that differ", heads);
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
    base::EndTable(html);
  }
  html->Begin("details").Element("summary", {}, absl::StrCat("The ", table.shared.size(), " fields that all share"));
  html->Begin("pre").Begin("code");
  for (const auto& [path, value] : table.shared) html->Text(absl::StrCat(path, ": ", value, "\n"));
  html->End().End().End().NewLine();
}

void WriteProvenanceTable(const Study& study, HtmlWriter* html) {
  base::BeginTable(html, "Provenance",
                   {{"variant"},
                    {"seed", true},
                    {"experiment"},
                    {"program"},
                    {"LibTorch wheel"},
                    {"data"},
                    {"initial weights"},
                    {"processor"}});
  for (const Cell* cell : study.pretraining.cells) WriteProvenanceRow(*cell, html);
  for (const Row& row : study.rows) {
    for (const Cell* cell : row.cells) WriteProvenanceRow(*cell, html);
  }
  base::EndTable(html);
}

}  // namespace grouppose
