#include "ablations/report.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/json_writer.h"
#include "base/statistics.h"
#include "base/status.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"

namespace grouppose {
namespace {

using experiments::Experiment;
using experiments::Metrics;
using experiments::Provenance;
using experiments::Times;

// One training: a variant with a seed.
struct Cell {
  std::string variant;
  int64_t seed = 0;
  Metrics metrics;
  Times times;
  Experiment experiment;
  Provenance provenance;

  const Metrics::Evaluation& result() const { return metrics.evaluations(metrics.evaluations_size() - 1); }
  // Null where the last evaluation has no AP.
  const Metrics::Value* FindAp() const {
    for (const Metrics::Value& value : result().values()) {
      if (value.name() == "AP") return &value;
    }
    return nullptr;
  }
  double ap() const { return FindAp()->value(); }
};

// The cells of one variant, by seed.
struct Row {
  std::string variant;
  std::vector<const Cell*> cells;

  std::vector<double> Aps() const {
    std::vector<double> values;
    for (const Cell* cell : cells) values.push_back(cell->ap());
    return values;
  }
  double CpuSeconds() const {
    double seconds = 0;
    for (const Cell* cell : cells) seconds += cell->times.cpu_seconds();
    return seconds / static_cast<double>(cells.size());
  }
  // This variant and the baseline at the seeds that both have: the same pretraining, order and augmentation.
  std::vector<std::pair<const Cell*, const Cell*>> PairsWith(const Row& baseline) const {
    std::vector<std::pair<const Cell*, const Cell*>> pairs;
    for (const Cell* cell : cells) {
      for (const Cell* other : baseline.cells) {
        if (other->seed == cell->seed) pairs.push_back({cell, other});
      }
    }
    return pairs;
  }
  std::vector<double> DifferencesTo(const Row& baseline) const {
    std::vector<double> differences;
    for (const auto& [cell, other] : PairsWith(baseline)) differences.push_back(cell->ap() - other->ap());
    return differences;
  }
};

struct Study {
  std::string name, baseline;
  std::vector<Cell> cells;  // the pretraining first
  std::vector<Row> rows;    // in the order of the study; without the pretraining
  Row pretraining;

  // Null where no row is called like it.
  const Row* Baseline() const {
    for (const Row& row : rows) {
      if (row.variant == baseline) return &row;
    }
    return nullptr;
  }
};

absl::StatusOr<Cell> ReadCell(const std::string& text) {
  // VARIANT:SEED:FOLDER
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 2));
  Cell cell;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &cell.seed)) {
    return absl::InvalidArgumentError(absl::StrCat("--cell=", text, ": expected VARIANT:SEED:FOLDER"));
  }
  cell.variant = parts[0];
  const std::string& folder = parts[2];
  using experiments::ReadTextproto;
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(folder, "metrics.textproto"), &cell.metrics));
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(folder, "times.textproto"), &cell.times));
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(folder, "experiment.textproto"), &cell.experiment));
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(folder, "provenance.textproto"), &cell.provenance));
  if (cell.metrics.evaluations_size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(folder, "/metrics.textproto: no evaluation in it"));
  }
  const Metrics::Value* ap = cell.FindAp();
  if (ap == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(folder, "/metrics.textproto: no AP in the last evaluation"));
  }
  // the evaluator's -1 says that there was nobody to find; a mean with it would be no mean
  if (!(ap->value() >= 0 && ap->value() <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, "/metrics.textproto: AP is ", ap->value(), ", expected 0 to 1"));
  }
  return cell;
}

// The cells that `arguments` name; no variant has a seed twice.
absl::StatusOr<std::vector<Cell>> ReadCells(const std::vector<std::string>& arguments) {
  std::vector<Cell> cells;
  for (const std::string& argument : arguments) {
    ASSIGN_OR_RETURN(Cell read, ReadCell(argument));
    for (const Cell& other : cells) {
      if (other.variant == read.variant && other.seed == read.seed) {
        return absl::InvalidArgumentError(absl::StrCat("--cell=", argument, ": ", read.variant, " has seed ", read.seed,
                                                       " already, expected every seed once"));
      }
    }
    cells.push_back(std::move(read));
  }
  return cells;
}

// Rows keep pointers into study->cells, which is complete by now.
void MakeRows(Study* study) {
  study->pretraining.variant = "pretraining";
  for (const Cell& cell : study->cells) {
    if (cell.variant == "pretraining") {
      study->pretraining.cells.push_back(&cell);
      continue;
    }
    auto row = std::find_if(study->rows.begin(), study->rows.end(),
                            [&](const Row& candidate) { return candidate.variant == cell.variant; });
    if (row == study->rows.end()) row = study->rows.insert(row, Row{cell.variant, {}});
    row->cells.push_back(&cell);
  }
}

std::string ApList(const std::vector<double>& values) {
  return absl::StrJoin(values, " ", [](std::string* out, double value) { absl::StrAppendFormat(out, "%.3f", value); });
}

// Mean difference over the seeds that both have, and how many those are.
std::string DifferenceText(const std::vector<double>& differences) {
  if (differences.empty()) return "-";
  std::string text = absl::StrFormat("%+.3f", base::Mean(differences));
  if (differences.size() > 1) absl::StrAppendFormat(&text, " +- %.3f", base::SampleStandardDeviation(differences));
  return text + absl::StrFormat(" (%d)", differences.size());
}

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

std::string ReportText(const Study& study) {
  const Cell& first = *study.rows.front().cells.front();
  const Metrics::Evaluation& result = first.result();
  std::string text = absl::StrCat(study.name, ": ", first.experiment.description(), ", ", result.step(),
                                  " steps, AP on ", result.images(), " ", result.split(), " images\n\n");
  Column variant{"variant", true}, aps{"AP by seed", true}, mean{"mean"}, spread{"spread"},
      difference{absl::StrCat("to ", study.baseline)}, parameters{"parameters"}, attention{"in attention"},
      pairs{"pairs"}, seconds{"CPU s"};
  for (const Row& row : study.rows) {
    const std::vector<double> values = row.Aps();
    const Metrics& metrics = row.cells.front()->metrics;
    variant.texts.push_back(row.variant);
    aps.texts.push_back(ApList(values));
    mean.texts.push_back(absl::StrFormat("%.3f", base::Mean(values)));
    spread.texts.push_back(values.size() > 1 ? absl::StrFormat("%.3f", base::SampleStandardDeviation(values)) : "-");
    difference.texts.push_back(row.variant == study.baseline ? ""
                                                             : DifferenceText(row.DifferencesTo(*study.Baseline())));
    parameters.texts.push_back(absl::StrCat(metrics.trainable_parameters()));
    attention.texts.push_back(absl::StrCat(metrics.attention_parameters()));
    pairs.texts.push_back(absl::StrCat(metrics.attention_pairs()));
    seconds.texts.push_back(absl::StrFormat("%.0f", row.CpuSeconds()));
  }
  absl::StrAppend(&text, TableText({variant, aps, mean, spread, difference, parameters, attention, pairs, seconds}),
                  "\n");
  absl::StrAppend(&text, "spread: standard deviation over seeds. to ", study.baseline,
                  ": mean difference at equal seeds +- standard deviation of the differences (seeds).\n"
                  "in attention: parameters of decoder self-attention. pairs: query-key pairs of it, one image, one "
                  "head, all layers.\n");
  if (!study.pretraining.cells.empty()) {
    absl::StrAppend(&text, "shared pretraining: stage one alone has AP ", ApList(study.pretraining.Aps()),
                    absl::StrFormat(" (%.0f CPU s each).\n", study.pretraining.CpuSeconds()));
  }
  return text;
}

void WriteCellJson(const Cell& cell, base::JsonWriter* json) {
  json->BeginObject();
  json->Member("seed", cell.seed);
  json->Key("evaluations").BeginArray();
  for (const Metrics::Evaluation& evaluation : cell.metrics.evaluations()) {
    json->BeginObject(base::JsonWriter::kOneLine);
    json->Member("step", evaluation.step());
    json->Member("split", evaluation.split());
    json->Member("images", evaluation.images());
    for (const Metrics::Value& value : evaluation.values()) json->Member(value.name(), value.value());
    json->EndObject();
  }
  json->EndArray();
  json->Member("training_steps", cell.metrics.training_steps());
  json->Member("final_loss", cell.metrics.final_loss());
  json->Member("cpu_seconds", cell.times.cpu_seconds());
  json->Member("wall_seconds", cell.times.wall_seconds());
  json->Member("processor", cell.times.processor());
  json->Member("experiment_sha256", cell.provenance.experiment_sha256());
  json->Member("program_sha256", cell.provenance.program_sha256());
  json->Member("torch_sha256", cell.provenance.torch_sha256());
  json->Member("data_sha256", cell.provenance.data_sha256());
  json->EndObject();
}

void WriteRowJson(const Study& study, const Row& row, base::JsonWriter* json) {
  const std::vector<double> values = row.Aps();
  const Metrics& metrics = row.cells.front()->metrics;
  json->BeginObject();
  json->Member("variant", row.variant);
  json->Member("mean_ap", base::Mean(values));
  json->Key("ap_standard_deviation");
  if (values.size() > 1) {
    json->Value(base::SampleStandardDeviation(values));
  } else {
    json->Null();
  }
  if (row.variant != "pretraining" && row.variant != study.baseline) {
    json->Key("differences_to_baseline").BeginArray(base::JsonWriter::kOneLine);
    for (double difference : row.DifferencesTo(*study.Baseline())) json->Value(difference);
    json->EndArray();
    json->Key("paired_seeds").BeginArray(base::JsonWriter::kOneLine);
    for (const auto& pair : row.PairsWith(*study.Baseline())) json->Value(pair.first->seed);
    json->EndArray();
  }
  json->Member("trainable_parameters", metrics.trainable_parameters());
  json->Member("decoder_parameters", metrics.decoder_parameters());
  json->Member("attention_parameters", metrics.attention_parameters());
  json->Member("attention_pairs", metrics.attention_pairs());
  json->Key("cells").BeginArray();
  for (const Cell* cell : row.cells) WriteCellJson(*cell, json);
  json->EndArray();
  json->EndObject();
}

std::string ReportJson(const Study& study) {
  std::string text;
  base::JsonWriter::Options options;
  options.indent = 1;
  options.not_finite = base::JsonWriter::kNull;  // a loss
  base::JsonWriter json(&text, options);
  json.BeginObject();
  json.Member("study", study.name);
  json.Member("baseline", study.baseline);
  json.Key("variants").BeginArray();
  for (const Row& row : study.rows) WriteRowJson(study, row, &json);
  json.EndArray();
  if (!study.pretraining.cells.empty()) {
    json.Key("pretraining");
    WriteRowJson(study, study.pretraining, &json);
  }
  json.EndObject();
  json.Finish();
  return text;
}

}  // namespace

absl::Status RunReport(const std::vector<std::string>& arguments) {
  Study study;
  std::vector<std::string> cells;
  std::string text_path, json_path;
  base::Flags flags("report", "Compares the cells of a study.");
  flags.Required("study", &study.name, "NAME", "what the report is called");
  flags.Required("baseline", &study.baseline, "VARIANT", "the variant that the others are compared with");
  flags.Repeated("cell", &cells, "VARIANT:SEED:FOLDER", "one training; the variant 'pretraining' is what they share");
  flags.Required("text", &text_path, "FILE", "where the table goes");
  flags.Required("json", &json_path, "FILE", "where every number goes");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(study.cells, ReadCells(cells));
  MakeRows(&study);
  if (study.rows.empty()) return absl::InvalidArgumentError("expected at least one --cell of a variant");
  if (study.Baseline() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--baseline=", study.baseline, ": expected a variant that has a --cell"));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(text_path, ReportText(study)));
  return base::WriteFileAtomically(json_path, ReportJson(study));
}

}  // namespace grouppose
