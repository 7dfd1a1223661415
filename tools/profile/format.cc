#include "tools/profile/format.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/json_writer.h"
#include "base/progress.h"

namespace profile {
namespace {

// As the benchmarks of //ops count: work of one iteration, and the share that they reached of what they measured the
// machine to be able to do, with the rate that it belongs to.
struct Work {
  const char *amount, *rate, *share, *unit, *bound;
};
constexpr Work kWork[] = {{"FLOP", "FLOP/s", "of_flops", "GFLOP/s", "of the peak"},
                          {"bytes", "B/s", "of_copy", "GB/s", "of copying"}};

std::string Percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string PValueText(double p_value) { return p_value < 1e-4 ? "<0.0001" : absl::StrFormat("%.4f", p_value); }

// How far the A/A interval is from one, at its farther end.
std::string NoiseText(const Estimate& estimate) {
  return Percent(std::max(estimate.noise.high - 1, 1 - estimate.noise.low));
}

using Row = std::vector<std::string>;

// Columns as wide as their widest cell; the first two flush left, the others flush right.
std::string Table(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", i < 2 ? row[i] + padding : padding + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string WorkText(const BenchmarkComparison& benchmark) {
  const std::string base = CountersText(benchmark.base_counters, benchmark.estimate->base_median);
  const std::string head = CountersText(benchmark.head_counters, benchmark.estimate->head_median);
  return base == head || base.empty() ? head : absl::StrCat(base, " -> ", head);
}

std::string InstructionsText(const BenchmarkComparison& benchmark) {
  if (!benchmark.base_instructions.has_value() || !benchmark.head_instructions.has_value()) return "";
  const double base = static_cast<double>(*benchmark.base_instructions);
  const double head = static_cast<double>(*benchmark.head_instructions);
  return absl::StrFormat("%.4g M -> %.4g M (%.3f)", base / 1e6, head / 1e6, head / std::max(base, 1.0));
}

void AppendMeasured(const Comparison& comparison, std::string* text) {
  const bool instructions = std::any_of(comparison.benchmarks.begin(), comparison.benchmarks.end(),
                                        [](const auto& b) { return !InstructionsText(b).empty(); });
  std::vector<Row> rows = {{"verdict", "benchmark", "base", "head", "head / base", "p (Holm)", "A/A noise", "rounds"}};
  if (instructions) rows[0].push_back("instructions");
  std::string label;
  for (const BenchmarkComparison& benchmark : comparison.benchmarks) {
    if (!benchmark.estimate.has_value()) continue;
    const Estimate& e = *benchmark.estimate;
    if (label != benchmark.label) rows.push_back({"", benchmark.label});
    label = benchmark.label;
    rows.push_back({VerdictName(benchmark.verdict), absl::StrCat("  ", benchmark.name), TimeText(e.base_median),
                    TimeText(e.head_median), RatioText(e.ratio), PValueText(e.p_adjusted), NoiseText(e),
                    absl::StrCat(e.rounds)});
    if (instructions) rows.back().push_back(InstructionsText(benchmark));
    if (const std::string work = WorkText(benchmark); !work.empty()) rows.push_back({"", absl::StrCat("    ", work)});
    if (!benchmark.note.empty()) rows.push_back({"", absl::StrCat("    ", benchmark.note)});
  }
  if (rows.size() > 1) absl::StrAppend(text, "\n", Table(rows));
}

void AppendOthers(const Comparison& comparison, std::string* text) {
  std::vector<Row> rows;
  for (const BenchmarkComparison& benchmark : comparison.benchmarks) {
    if (benchmark.estimate.has_value() || benchmark.verdict == Verdict::kIdentical) continue;
    rows.push_back({VerdictName(benchmark.verdict), benchmark.Name()});
    if (!benchmark.note.empty()) rows.push_back({"", absl::StrCat("    ", benchmark.note)});
  }
  for (const std::string& label : comparison.identical) {
    rows.push_back({"no change", absl::StrCat(label, " (identical programs, not run)")});
  }
  if (!rows.empty()) absl::StrAppend(text, "\n", Table(rows));
}

void AppendStatic(const Comparison& comparison, std::string* text) {
  if (comparison.static_kernels == 0 && comparison.static_changes.empty()) return;
  absl::StrAppend(text, "\nCUDA kernels as compiled (kernel and architecture): ", comparison.static_kernels,
                  comparison.static_changes.empty() ? ", none changed\n" : "\n");
  for (const StaticChange& change : comparison.static_changes)
    absl::StrAppend(text, "  ", StaticChangeText(change), "\n");
}

void WriteInterval(base::JsonWriter* json, const char* name, const base::Interval& interval) {
  json->Key(name).BeginArray(base::JsonWriter::kOneLine);
  json->Value(interval.estimate).Value(interval.low).Value(interval.high).EndArray();
}

void WriteRevision(base::JsonWriter* json, const char* name, const Revision& revision) {
  json->Key(name).BeginObject(base::JsonWriter::kOneLine);
  json->Member("commit", revision.commit).Member("date", revision.date).Member("subject", revision.subject);
  json->EndObject();
}

void WriteCounters(base::JsonWriter* json, const char* name, const std::map<std::string, double>& counters) {
  json->Key(name).BeginObject(base::JsonWriter::kOneLine);
  for (const auto& [counter, value] : counters) json->Member(counter, value);  // null where it is not finite
  json->EndObject();
}

void WriteBenchmark(base::JsonWriter* json, const BenchmarkComparison& benchmark) {
  json->BeginObject();
  json->Member("label", benchmark.label).Member("name", benchmark.name);
  json->Member("verdict", VerdictName(benchmark.verdict));
  if (!benchmark.note.empty()) json->Member("note", benchmark.note);
  if (benchmark.estimate.has_value()) {
    const Estimate& e = *benchmark.estimate;
    json->Member("rounds", e.rounds).Member("base_median", e.base_median).Member("head_median", e.head_median);
    WriteInterval(json, "ratio", e.ratio);
    WriteInterval(json, "noise", e.noise);
    json->Member("p_value", e.p_value).Member("p_holm", e.p_adjusted).Member("floor", e.floor);
    json->Member("outputs_compared", benchmark.outputs_compared);
    if (benchmark.base_instructions.has_value()) json->Member("base_instructions", *benchmark.base_instructions);
    if (benchmark.head_instructions.has_value()) json->Member("head_instructions", *benchmark.head_instructions);
    WriteCounters(json, "base_counters", benchmark.base_counters);
    WriteCounters(json, "head_counters", benchmark.head_counters);
  }
  json->EndObject();
}

}  // namespace

std::string TimeText(double nanoseconds) {
  const auto digits = [](double value, const char* unit) {
    return absl::StrFormat("%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
  };
  if (nanoseconds < 1e3) return digits(nanoseconds, "ns");
  if (nanoseconds < 1e6) return digits(nanoseconds / 1e3, "us");
  if (nanoseconds < 1e9) return digits(nanoseconds / 1e6, "ms");
  return digits(nanoseconds / 1e9, "s");
}

std::string RatioText(const base::Interval& ratio) {
  return absl::StrFormat("%.3f [%.3f, %.3f]", ratio.estimate, ratio.low, ratio.high);
}

std::string CountersText(const std::map<std::string, double>& counters, double nanoseconds) {
  std::vector<std::string> parts;
  const auto find = [&](const char* name) {
    const auto found = counters.find(name);
    return found == counters.end() ? 0.0 : found->second;
  };
  for (const Work& work : kWork) {
    const double amount = find(work.amount), rate = amount / nanoseconds;
    if (!(amount > 0)) continue;
    parts.push_back(absl::StrFormat("%.3g %s", rate, work.unit));
    // the counters are those of one short run: of them the peak, of the median the share
    const double peak = find(work.rate) / find(work.share) / 1e9;
    if (std::isfinite(peak) && peak > 0) {
      absl::StrAppend(&parts.back(), absl::StrFormat(" (%.0f %% %s)", 100 * rate / peak, work.bound));
    }
  }
  return absl::StrJoin(parts, ", ");
}

std::string FormatComparison(const Comparison& comparison, const ComparisonOptions& options) {
  std::string text = absl::StrCat("base  ", comparison.base.Text(), "\nhead  ", comparison.head.Text(), "\n");
  AppendMeasured(comparison, &text);
  AppendOthers(comparison, &text);
  AppendStatic(comparison, &text);
  for (const std::string& note : comparison.notes) absl::StrAppend(&text, "note: ", note, "\n");
  std::vector<std::string> counts;
  for (const Verdict verdict :
       {Verdict::kSlower, Verdict::kFaster, Verdict::kNoChange, Verdict::kIdentical, Verdict::kInconclusive,
        Verdict::kOutputsDiffer, Verdict::kFailed, Verdict::kOnlyInBase, Verdict::kOnlyInHead}) {
    if (const int count = comparison.Count(verdict); count > 0 || verdict == Verdict::kSlower) {
      counts.push_back(absl::StrCat(count, " ", VerdictName(verdict)));
    }
  }
  absl::StrAppend(&text, "\n");
  if (comparison.rounds > 0) {
    absl::StrAppend(
        &text,
        absl::StrFormat("Intervals hold %g %%. A verdict needs p < %g and an effect beyond %g %% and beyond "
                        "the noise of the same program against itself. ",
                        100 * options.verdict.confidence, options.verdict.alpha, 100 * options.verdict.min_effect),
        base::DurationText(comparison.seconds), absl::StrFormat(", load %.1f at the start.\n", comparison.load));
  }
  absl::StrAppend(&text, absl::StrJoin(counts, ", "), "\n");
  return text;
}

std::string ComparisonJson(const Comparison& comparison) {
  std::string text;
  base::JsonWriter::Options style;
  style.indent = 1;
  style.not_finite = base::JsonWriter::kNull;
  base::JsonWriter json(&text, style);
  json.BeginObject();
  WriteRevision(&json, "base", comparison.base);
  WriteRevision(&json, "head", comparison.head);
  json.Member("rounds", comparison.rounds).Member("seconds", comparison.seconds).Member("load", comparison.load);
  json.Key("notes").BeginArray();
  for (const std::string& note : comparison.notes) json.Value(note);
  json.EndArray();
  json.Key("static_changes").BeginArray();
  for (const StaticChange& change : comparison.static_changes) json.Value(StaticChangeText(change));
  json.EndArray();
  json.Key("benchmarks").BeginArray();
  for (const BenchmarkComparison& benchmark : comparison.benchmarks) WriteBenchmark(&json, benchmark);
  json.EndArray();
  json.EndObject();
  json.Finish();
  return text;
}

}  // namespace profile
