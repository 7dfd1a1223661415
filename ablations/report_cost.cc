#include "ablations/report_cost.h"

#include <cmath>
#include <optional>
#include <vector>

#include "ablations/cost/reading.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/report_page.h"

namespace grouppose {
namespace {

using base::HtmlWriter;
using cost::SecondsOf;
using cost::UsesCpuTime;
using experiments::Cost;

struct PartName {
  const char* title;
  const Cost::Part& (*of)(const Cost::Scheme&);
  int64_t (*rounds)(const Cost::Conditions&);
};
constexpr PartName kParts[] = {
    {"Self-attention block", [](const Cost::Scheme& scheme) -> const Cost::Part& { return scheme.attention_block(); },
     [](const Cost::Conditions& conditions) { return static_cast<int64_t>(conditions.attention_block_rounds()); }},
    {"Decoder layer", [](const Cost::Scheme& scheme) -> const Cost::Part& { return scheme.decoder_layer(); },
     [](const Cost::Conditions& conditions) { return static_cast<int64_t>(conditions.decoder_layer_rounds()); }},
    {"Whole decoder", [](const Cost::Scheme& scheme) -> const Cost::Part& { return scheme.decoder(); },
     [](const Cost::Conditions& conditions) { return static_cast<int64_t>(conditions.decoder_rounds()); }},
};

// Forward and backward together, by the medians.
double BothMedians(const Cost& cost, const Cost::Part& part) {
  return SecondsOf(cost, part.forward()).median() + SecondsOf(cost, part.backward()).median();
}

std::optional<double> MediansOfFull(const Cost& cost, const PartName& part) {
  for (const Cost::Scheme& scheme : cost.schemes()) {
    if (scheme.name() == "FULL") return BothMedians(cost, part.of(scheme));
  }
  return std::nullopt;
}

std::string Milliseconds(double seconds) { return absl::StrFormat("%.2f", seconds * 1e3); }

std::string QuartileText(const Cost::Quartiles& seconds) {
  return absl::StrCat(Milliseconds(seconds.first()), "–", Milliseconds(seconds.third()));
}

std::string Mebibytes(int64_t bytes) { return absl::StrFormat("%.1f", static_cast<double>(bytes) / (1 << 20)); }

void WriteSchemeRow(const Cost& cost, const Cost::Scheme& scheme, const Cost::Part& part, std::optional<double> full,
                    HtmlWriter* html) {
  const Cost::Quartiles &forward = SecondsOf(cost, part.forward()), &backward = SecondsOf(cost, part.backward());
  html->Begin("tr").Element("th", {{"scope", "row"}}, scheme.name());
  base::NumberCell(html, Milliseconds(forward.median()));
  base::NumberCell(html, QuartileText(forward));
  base::NumberCell(html, Milliseconds(backward.median()));
  base::NumberCell(html, QuartileText(backward));
  base::NumberCell(html, full.value_or(0) > 0 ? absl::StrFormat("× %.2f", BothMedians(cost, part) / *full) : "");
  base::NumberCell(html, Mebibytes(part.inference_peak_bytes()));
  base::NumberCell(html, Mebibytes(part.forward().peak_bytes()));
  base::NumberCell(html, Mebibytes(part.backward().peak_bytes()));
  base::NumberCell(html, absl::StrFormat("%.3f", static_cast<double>(part.flops()) / 1e9));
  base::NumberCell(html, base::Thousands(part.attention_pairs()));
  base::NumberCell(html, base::Thousands(part.parameters()));
  html->End().NewLine();
}

}  // namespace

std::string CostConditions(const Cost& cost) {
  const Cost::Setting& setting = cost.setting();
  const Cost::Conditions& conditions = cost.conditions();
  std::string text = absl::StrFormat(
      "Every scheme in one process, in turns: N = %d, K = %d, d = %d, %d heads, %d decoder layers, %d memory tokens, "
      "batch %d; %d %s of %s, torch %s with %s kernels. Milliseconds of %s time.",
      setting.num_queries(), setting.num_body_points(), setting.hidden_dim(), setting.num_heads(),
      setting.decoder_layers(), setting.memory_tokens(), setting.batch(), conditions.threads(),
      conditions.threads() == 1 ? "thread" : "threads", conditions.processor(), conditions.torch_version(),
      conditions.instruction_set(), UsesCpuTime(cost) ? "CPU" : "wall");
  if (cost::WasDisturbed(conditions)) {
    absl::StrAppendFormat(&text,
                          " Other programs wanted the cores too (%.0f %% of what was asked for was there; load %.1f to "
                          "%.1f): shared caches and clocks may have cost time.",
                          conditions.cpu_share() * 100, conditions.load_average_at_start(),
                          conditions.load_average_at_end());
  }
  return text;
}

void WriteCostTables(const Cost& cost, HtmlWriter* html) {
  html->Element("p", {}, CostConditions(cost));
  for (const PartName& part : kParts) {
    html->Element("h3", {}, absl::StrCat(part.title, ", ", part.rounds(cost.conditions()), " rounds"));
    base::BeginTable(html, part.title,
                     {{"scheme"},
                      {"forward, ms", true},
                      {"quartiles", true},
                      {"backward, ms", true},
                      {"quartiles", true},
                      {"to FULL", true},
                      {"inference, MiB", true},
                      {"forward, MiB", true},
                      {"backward, MiB", true},
                      {"GFLOP", true},
                      {"pairs", true},
                      {"parameters", true}});
    const std::optional<double> full = MediansOfFull(cost, part);
    for (const Cost::Scheme& scheme : cost.schemes()) WriteSchemeRow(cost, scheme, part.of(scheme), full, html);
    base::EndTable(html);
  }
  html->Element(
      "p", {{"class", "small"}},
      "Time: medians. To FULL: forward and backward together. MiB: the most bytes of tensors alive at once, "
      "without parameters and inputs; inference keeps nothing for a backward pass. GFLOP: one image's forward "
      "pass by formula, a multiply-add is two. Pairs: query-key pairs of self-attention, one image, one head.");
}

std::string CostText(const Cost& cost) {
  std::string text = absl::StrFormat("%-15s", "scheme");
  for (const PartName& part : kParts) absl::StrAppendFormat(&text, "  %24s", part.title);
  absl::StrAppend(&text, "\n");
  for (const Cost::Scheme& scheme : cost.schemes()) {
    absl::StrAppendFormat(&text, "%-15s", scheme.name());
    for (const PartName& part : kParts) {
      const Cost::Part& measured = part.of(scheme);
      absl::StrAppendFormat(&text, "  %24s",
                            absl::StrCat(Milliseconds(SecondsOf(cost, measured.forward()).median()), " + ",
                                         Milliseconds(SecondsOf(cost, measured.backward()).median())));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace grouppose
