#include "ablations/report_study.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/files.h"
#include "base/statistics.h"
#include "base/status.h"
#include "experiments/differences.h"
#include "experiments/textproto.h"
#include "simdjson.h"

namespace grouppose {
namespace {

using experiments::Metrics;

constexpr char kPretraining[] = "pretraining";

// Null where the last evaluation has no AP.
const Metrics::Value* FindAp(const Metrics::Evaluation& evaluation) {
  for (const Metrics::Value& value : evaluation.values()) {
    if (value.name() == "AP") return &value;
  }
  return nullptr;
}

// Data sets by the SHA-256 of their file: one of twenty cells is read, the others are the same bytes.
using GroundTruths = std::map<std::string, std::shared_ptr<const eval::Dataset>>;

absl::Status CheckResult(const Cell& cell) {
  const std::string path = base::JoinPath(cell.folder, "metrics.textproto");
  if (cell.metrics.evaluations_size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no evaluation in it"));
  }
  const Metrics::Value* ap = FindAp(cell.result());
  if (ap == nullptr) return absl::InvalidArgumentError(absl::StrCat(path, ": no AP in the last evaluation"));
  // the evaluator's -1 says that there was nobody to find; a mean with it would be no mean
  if (!(ap->value() >= 0 && ap->value() <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": AP is ", ap->value(), ", expected 0 to 1"));
  }
  return absl::OkStatus();
}

// The loss of every training line of the log.
absl::Status ReadLosses(Cell* cell) {
  const std::string path = base::JoinPath(cell->folder, "log.jsonl");
  if (!base::FileExists(path)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  simdjson::dom::parser parser;
  int line = 0;
  for (const absl::string_view record_text : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ++line;
    const simdjson::padded_string padded(record_text.data(), record_text.size());
    simdjson::dom::element record;
    CurvePoint point;
    std::string_view phase;
    if (parser.parse(padded).get(record) || record["step"].get(point.step) || record["phase"].get(phase)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", line, ": expected a JSON object with `phase` and `step`"));
    }
    // a loss that was not finite is null
    if (phase == "training" && !record["loss"].get(point.value)) cell->losses.push_back(point);
  }
  return absl::OkStatus();
}

absl::Status ReadResults(GroundTruths* known, Cell* cell) {
  const std::string results = base::JoinPath(cell->folder, "results.json");
  const std::string ground_truth = base::JoinPath(cell->folder, "ground_truth.json");
  if (!base::FileExists(results) || !base::FileExists(ground_truth)) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::string json, base::ReadFile(ground_truth));
  std::shared_ptr<const eval::Dataset>& dataset = (*known)[base::Sha256(json)];
  if (dataset == nullptr) {
    ASSIGN_OR_RETURN(eval::Dataset read, eval::ParseDataset(std::move(json), ground_truth));
    dataset = std::make_shared<const eval::Dataset>(std::move(read));
  }
  cell->ground_truth = dataset;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Cell>> ReadCell(const std::string& text, GroundTruths* ground_truths) {
  // VARIANT:SEED:FOLDER
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 2));
  auto cell = std::make_unique<Cell>();
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &cell->seed)) {
    return absl::InvalidArgumentError(absl::StrCat("--cell=", text, ": expected VARIANT:SEED:FOLDER"));
  }
  cell->variant = parts[0];
  cell->folder = parts[2];
  using experiments::ReadTextproto;
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(cell->folder, "metrics.textproto"), &cell->metrics));
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(cell->folder, "times.textproto"), &cell->times));
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(cell->folder, "experiment.textproto"), &cell->experiment));
  RETURN_IF_ERROR(ReadTextproto(base::JoinPath(cell->folder, "provenance.textproto"), &cell->provenance));
  RETURN_IF_ERROR(CheckResult(*cell));
  RETURN_IF_ERROR(ReadLosses(cell.get()));
  RETURN_IF_ERROR(ReadResults(ground_truths, cell.get()));
  return cell;
}

// The cells of a variant differ in their seed alone.
absl::Status CheckSameExperiment(const Row& row, const Cell& cell) {
  if (row.cells.empty()) return absl::OkStatus();
  const auto differences = experiments::Differences(cell.experiment, row.first().experiment);
  if (differences.empty()) return absl::OkStatus();
  const experiments::Difference& first = differences.front();
  return absl::InvalidArgumentError(absl::StrCat(cell.folder, ": ", cell.variant, " has another experiment at seed ",
                                                 cell.seed, " than at seed ", row.first().seed, ": ", first.path,
                                                 " is ", first.left, " and ", first.right));
}

bool SaysNothingOfTheRun(const std::string& path) { return path == "name" || path == "description"; }

}  // namespace

double Cell::ap() const { return FindAp(result())->value(); }

absl::StatusOr<std::vector<eval::Detection>> Cell::ReadDetections() const {
  return eval::ReadDetections(base::JoinPath(folder, "results.json"));
}

std::vector<CurvePoint> Cell::ApCurve() const {
  std::vector<CurvePoint> curve;
  for (const Metrics::Evaluation& evaluation : metrics.evaluations()) {
    const Metrics::Value* ap = FindAp(evaluation);
    // other images have another AP
    if (ap != nullptr && evaluation.split() == result().split()) curve.push_back({evaluation.step(), ap->value()});
  }
  return curve;
}

std::vector<double> Row::Aps() const {
  std::vector<double> values;
  for (const Cell* cell : cells) values.push_back(cell->ap());
  return values;
}

double Row::CpuSeconds() const {
  double seconds = 0;
  for (const Cell* cell : cells) seconds += cell->times.cpu_seconds();
  return seconds / static_cast<double>(cells.size());
}

std::vector<std::pair<const Cell*, const Cell*>> Row::PairsWith(const Row& other) const {
  std::vector<std::pair<const Cell*, const Cell*>> pairs;
  for (const Cell* cell : cells) {
    for (const Cell* partner : other.cells) {
      if (partner->seed == cell->seed) pairs.push_back({cell, partner});
    }
  }
  return pairs;
}

const Row& Study::baseline() const {
  for (const Row& row : rows) {
    if (IsBaseline(row)) return row;
  }
  GROUPPOSE_CHECK(false, "ReadStudy refuses a study without its baseline");
  return rows.front();
}

absl::StatusOr<Study> ReadStudy(const std::string& name, const std::string& baseline,
                                const std::vector<std::string>& cells) {
  Study study;
  study.name = name;
  study.baseline_name = baseline;
  study.pretraining.variant = kPretraining;
  GroundTruths ground_truths;
  for (const std::string& argument : cells) {
    ASSIGN_OR_RETURN(std::unique_ptr<Cell> cell, ReadCell(argument, &ground_truths));
    Row* row = &study.pretraining;
    if (cell->variant != kPretraining) {
      auto found = std::find_if(study.rows.begin(), study.rows.end(),
                                [&](const Row& candidate) { return candidate.variant == cell->variant; });
      if (found == study.rows.end()) found = study.rows.insert(found, Row{cell->variant, {}});
      row = &*found;
    }
    for (const Cell* other : row->cells) {
      if (other->seed != cell->seed) continue;
      return absl::InvalidArgumentError(absl::StrCat("--cell=", argument, ": ", cell->variant, " has seed ", cell->seed,
                                                     " already, expected every seed once"));
    }
    RETURN_IF_ERROR(CheckSameExperiment(*row, *cell));
    row->cells.push_back(cell.get());
    study.cells.push_back(std::move(cell));
  }
  if (study.rows.empty()) return absl::InvalidArgumentError("expected at least one --cell of a variant");
  for (const Row& row : study.rows) {
    if (study.IsBaseline(row)) return study;
  }
  return absl::InvalidArgumentError(absl::StrCat("--baseline=", baseline, ": expected a variant that has a --cell"));
}

CurveBand BandOf(const std::vector<std::vector<CurvePoint>>& curves) {
  std::map<int64_t, std::vector<double>> values_of_step;
  for (const std::vector<CurvePoint>& curve : curves) {
    for (const CurvePoint& point : curve) values_of_step[point.step].push_back(point.value);
  }
  CurveBand band;
  for (const auto& [step, values] : values_of_step) {
    if (values.size() != curves.size()) continue;
    band.steps.push_back(static_cast<double>(step));
    band.mean.push_back(base::Mean(values));
    band.low.push_back(*std::min_element(values.begin(), values.end()));
    band.high.push_back(*std::max_element(values.begin(), values.end()));
  }
  return band;
}

FieldTable FieldsOf(const Study& study) {
  std::vector<std::vector<experiments::FieldValue>> rows;
  for (const Row& row : study.rows) rows.push_back(experiments::FieldValues(row.first().experiment));
  FieldTable table;
  table.values.resize(rows.size());
  for (size_t field = 0; field < rows.front().size(); ++field) {
    const auto& [path, value] = rows.front()[field];
    if (SaysNothingOfTheRun(path)) continue;
    const std::string& first = value;
    const bool same = std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row[field].value == first; });
    if (same) {
      table.shared.push_back({path, value});
      continue;
    }
    table.paths.push_back(path);
    for (size_t row = 0; row < rows.size(); ++row) table.values[row].push_back(rows[row][field].value);
  }
  return table;
}

std::vector<std::string> DifferingPaths(const Row& left, const Row& right) {
  std::vector<std::string> paths;
  for (const experiments::Difference& difference :
       experiments::Differences(left.first().experiment, right.first().experiment)) {
    if (!SaysNothingOfTheRun(difference.path)) paths.push_back(difference.path);
  }
  return paths;
}

const Row* ContentControlOf(const Study& study, const Row& row) {
  using experiments::Model;
  if (row.first().experiment.model().instance_query() != Model::EMBEDDING) return nullptr;
  for (const Row& other : study.rows) {
    if (other.first().experiment.model().instance_query() == Model::EMBEDDING_PLUS_MEMORY &&
        DifferingPaths(other, row) == std::vector<std::string>{"model.instance_query"}) {
      return &other;
    }
  }
  return nullptr;
}

}  // namespace grouppose
