#include "ablations/report_text.h"

#include <algorithm>
#include <vector>

#include "ablations/report_cost.h"
#include "ablations/report_notes.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace grouppose {
namespace {

// Columns of a paragraph.
constexpr size_t kTextWidth = 120;

struct Column {
  std::string head;
  bool left = false;
  std::vector<std::string> texts;
};

std::string TableText(const std::vector<Column>& columns) {
  std::string text;
  for (size_t line = 0; line <= columns.front().texts.size(); ++line) {
    std::string row;
    for (const Column& column : columns) {
      size_t width = column.head.size();
      for (const std::string& cell : column.texts) width = std::max(width, cell.size());
      const std::string& cell = line == 0 ? column.head : column.texts[line - 1];
      const std::string padding(width - cell.size(), ' ');
      absl::StrAppend(&row, row.empty() ? "" : "  ", column.left ? cell + padding : padding + cell);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, row, "\n");
  }
  return text;
}

// "- " and the note, wrapped.
std::string Bullet(const std::string& note) {
  std::string text, line = "-";
  for (const absl::string_view word : absl::StrSplit(note, ' ')) {
    if (line.size() + 1 + word.size() > kTextWidth) {
      absl::StrAppend(&text, line, "\n");
      line = " ";
    }
    absl::StrAppend(&line, " ", word);
  }
  return absl::StrCat(text, line, "\n");
}

std::string Paragraph(const std::string& head, const std::vector<std::string>& notes) {
  if (notes.empty()) return "";
  std::string text = absl::StrCat("\n", head, "\n");
  for (const std::string& note : notes) absl::StrAppend(&text, Bullet(note));
  return text;
}

std::string ResultTable(const Study& study, const Comparisons& comparisons) {
  Column variant{"variant", true}, aps{"AP by seed", true}, mean{"mean"}, spread{"spread"},
      difference{absl::StrCat("to ", study.baseline_name)}, interval{"95 % interval"}, holm{"p (Holm)"},
      verdict{"verdict", true};
  for (const Row& row : study.rows) {
    const std::vector<double> values = row.Aps();
    variant.texts.push_back(row.variant);
    aps.texts.push_back(ApList(values));
    mean.texts.push_back(absl::StrFormat("%.3f", base::Mean(values)));
    spread.texts.push_back(values.size() > 1 ? absl::StrFormat("%.3f", base::SampleStandardDeviation(values)) : "-");
    const Comparison* comparison = comparisons.Find(row);
    const base::PairedComparison* paired = comparison != nullptr ? &comparison->paired : nullptr;
    const bool any = paired != nullptr && paired->pairs() > 0;
    difference.texts.push_back(paired == nullptr ? ""
                               : any             ? absl::StrFormat("%+.3f (%d)", paired->mean, paired->pairs())
                                                 : "-");
    interval.texts.push_back(any && paired->interval.has_value() ? IntervalText(*paired->interval) : "");
    holm.texts.push_back(comparison == nullptr ? "" : PValueText(comparison->holm_p_value));
    verdict.texts.push_back(paired == nullptr ? "baseline" : base::VerdictName(paired->verdict));
  }
  return TableText({variant, aps, mean, spread, difference, interval, holm, verdict});
}

std::string SizeTable(const Study& study) {
  Column variant{"variant", true}, parameters{"parameters"}, attention{"in attention"}, pairs{"pairs"},
      seconds{"CPU s"};
  for (const Row& row : study.rows) {
    const experiments::Metrics& metrics = row.first().metrics;
    variant.texts.push_back(row.variant);
    parameters.texts.push_back(absl::StrCat(metrics.trainable_parameters()));
    attention.texts.push_back(absl::StrCat(metrics.attention_parameters()));
    pairs.texts.push_back(absl::StrCat(metrics.attention_pairs()));
    seconds.texts.push_back(absl::StrFormat("%.0f", row.CpuSeconds()));
  }
  return TableText({variant, parameters, attention, pairs, seconds});
}

// Every seed's difference with the noise of the test images; empty where no cell left results.
std::string NoiseTable(const Comparisons& comparisons) {
  if (comparisons.resamples == 0) return "";
  Column variant{"variant", true}, seed{"seed"}, difference{"difference"}, interval{"95 % interval"};
  for (const Comparison& comparison : comparisons.to_baseline) {
    for (const SeedDifference& at_seed : comparison.seeds) {
      if (!at_seed.evaluation_noise.has_value()) continue;
      variant.texts.push_back(comparison.row->variant);
      seed.texts.push_back(absl::StrCat(at_seed.seed));
      difference.texts.push_back(absl::StrFormat("%+.3f", at_seed.difference));
      interval.texts.push_back(IntervalText(*at_seed.evaluation_noise));
    }
  }
  if (variant.texts.empty()) return "";
  return absl::StrCat(
      "\nEvaluation noise only: would other test images have given another difference between these two "
      "trained models?\n(paired bootstrap over images, ",
      comparisons.resamples, " resamples; says nothing about other seeds)\n\n",
      TableText({variant, seed, difference, interval}));
}

}  // namespace

std::string ApList(const std::vector<double>& values) {
  return absl::StrJoin(values, " ", [](std::string* out, double value) { absl::StrAppendFormat(out, "%.3f", value); });
}

std::string StudyDescription(const Study& study) {
  const Cell& first = study.baseline().first();
  const experiments::Metrics::Evaluation& result = first.result();
  return absl::StrCat(first.experiment.description(), ", ", result.step(), " steps, AP on ", result.images(), " ",
                      result.split(), " images");
}

std::string ReportText(const Study& study, const Comparisons& comparisons, const experiments::Cost* cost) {
  std::string text = absl::StrCat(study.name, ": ", StudyDescription(study), "\n\n");
  absl::StrAppend(&text, ResultTable(study, comparisons), "\n", SizeTable(study), "\n");
  absl::StrAppend(
      &text, "spread: standard deviation over seeds. to ", study.baseline_name,
      ": mean difference at equal seeds (how many), with a paired t-interval.\n"
      "verdict: better or worse where that interval leaves out zero. p (Holm): the paired t-test's, for all "
      "variants together.\n"
      "in attention: parameters of decoder self-attention. pairs: query-key pairs of it, one image, one "
      "head, all layers.\n");
  if (!study.pretraining.cells.empty()) {
    absl::StrAppend(&text, "shared pretraining: stage one alone has AP ", ApList(study.pretraining.Aps()),
                    absl::StrFormat(" (%.0f CPU s each).\n", study.pretraining.CpuSeconds()));
  }
  absl::StrAppend(&text, NoiseTable(comparisons));
  absl::StrAppend(&text, Paragraph("Images", ImageNotes(study)));
  absl::StrAppend(&text, Paragraph("Budget", BudgetNotes(study, comparisons)));
  absl::StrAppend(&text, Paragraph("What a difference may be an effect of", EffectNotes(study, comparisons)));
  if (cost != nullptr) {
    absl::StrAppend(&text, Paragraph("What a scheme costs: forward + backward", {CostConditions(*cost)}), "\n",
                    CostText(*cost));
  }
  return text;
}

}  // namespace grouppose
