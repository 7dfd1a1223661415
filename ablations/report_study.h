// The cells of a study as a report reads them: what each training left, and who belongs together.
#ifndef ABLATIONS_REPORT_STUDY_H_
#define ABLATIONS_REPORT_STUDY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"

namespace grouppose {

// A number at a training step.
struct CurvePoint {
  int64_t step = 0;
  double value = 0;
};

// One training: a variant with a seed.
struct Cell {
  std::string variant;
  int64_t seed = 0;
  std::string folder;
  experiments::Metrics metrics;
  experiments::Times times;
  experiments::Experiment experiment;
  experiments::Provenance provenance;
  std::vector<CurvePoint> losses;  // of the training phase; empty without log.jsonl

  // What the poses of the last evaluation were measured against; null where the cell left no results. Cells that were
  // evaluated on the same images share the data set.
  std::shared_ptr<const eval::Dataset> ground_truth;

  const experiments::Metrics::Evaluation& result() const { return metrics.evaluations(metrics.evaluations_size() - 1); }
  double ap() const;
  bool has_results() const { return ground_truth != nullptr; }
  // The poses themselves, read anew each time: those of ninety cells on 5,000 photos fill 10 GB.
  absl::StatusOr<std::vector<eval::Detection>> ReadDetections() const;
  std::vector<CurvePoint> ApCurve() const;
};

// The cells of one variant, in the order given.
struct Row {
  std::string variant;
  std::vector<const Cell*> cells;

  const Cell& first() const { return *cells.front(); }
  std::vector<double> Aps() const;
  double CpuSeconds() const;  // mean over the cells
  // This variant and another at the seeds that both have: the same pretraining, order and augmentation.
  std::vector<std::pair<const Cell*, const Cell*>> PairsWith(const Row& other) const;
};

struct Study {
  std::string name;
  std::string label;  // of the build target, for the reproduce line; may be empty
  std::string baseline_name;
  std::vector<std::unique_ptr<Cell>> cells;  // the pretraining's too
  std::vector<Row> rows;                     // in the order of the study; without the pretraining
  Row pretraining;                           // may have no cells

  const Row& baseline() const;
  bool IsBaseline(const Row& row) const { return row.variant == baseline_name; }
};

// Reads VARIANT:SEED:FOLDER arguments; the variant "pretraining" is what the others share. NotFound: a cell without
// metrics, times, experiment or provenance. InvalidArgument: a cell without an AP between 0 and 1 in its last
// evaluation or given twice; cells of a variant with different experiments; no cell of a variant; a baseline without a
// cell.
absl::StatusOr<Study> ReadStudy(const std::string& name, const std::string& baseline,
                                const std::vector<std::string>& cells);

// Points that every curve has: lowest, mean and highest value at each.
struct CurveBand {
  std::vector<double> steps, mean, low, high;
};
CurveBand BandOf(const std::vector<std::vector<CurvePoint>>& curves);

// Fields that not all variants agree on, and those they do. Names and descriptions of experiments are left out.
struct FieldTable {
  std::vector<std::string> paths;                           // that differ
  std::vector<std::vector<std::string>> values;             // [rows of the study][paths]
  std::vector<std::pair<std::string, std::string>> shared;  // path, value
};
FieldTable FieldsOf(const Study& study);

// The paths whose values two variants do not share.
std::vector<std::string> DifferingPaths(const Row& left, const Row& right);

// The variant that differs from `row` in giving instance tokens content (model.instance_query) and in nothing else;
// null where there is none, or where those of `row` have content.
const Row* ContentControlOf(const Study& study, const Row& row);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_STUDY_H_
