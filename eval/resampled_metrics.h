// Every summary number on images that are counted several times or not at all: what a bootstrap over evaluation images
// asks thousands of times.
//
//   options.ranking = true;
//   ASSIGN_OR_RETURN(const eval::Metrics metrics, eval::Evaluate(dataset, detections, options));
//   const eval::ResampledMetrics resampled(dataset, options.dataset, metrics);
//   resampled.Bootstrap(10000, seed)[resample][metric];   // metrics in the order of metrics.names
//
// Persons and detections are matched once, by Evaluate, since images do not know each other; a resample only ranks and
// counts. The results have the bits that Evaluate gives for a data set in which image i stands counts[i] times, its
// copies next to each other in the order of the ids: with counts of one, those of the data set itself.
#ifndef EVAL_RESAMPLED_METRICS_H_
#define EVAL_RESAMPLED_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "eval/annotations.h"
#include "eval/evaluator.h"
#include "eval/keypoint_dataset.h"
#include "eval/lane_curves.h"
#include "eval/quirks.h"

namespace eval {

class ResampledMetrics {
 public:
  // `metrics` of Evaluate(dataset, ...) with the same description and quirks, and EvaluatorOptions::ranking.
  ResampledMetrics(const Dataset& dataset, const KeypointDataset& description, const Metrics& metrics,
                   const Quirks& quirks = OfficialQuirks());

  int num_images() const { return num_images_; }
  int num_metrics() const { return num_metrics_; }

  // The metrics in the evaluator's order; `counts` [num_images] in the order of the image ids, each at most 65535. -1
  // where no annotation counts.
  std::vector<double> operator()(const std::vector<int>& counts) const;

  // [resamples][metrics]; resample i counts images as base::BootstrapCounts(num_images, seed, i) says. The same bytes
  // on any number of threads; 0 takes one a core.
  std::vector<std::vector<double>> Bootstrap(int resamples, uint64_t seed, int threads = 0) const;

 private:
  // Persons of one range of areas in some of the images, a category each.
  using Slice = std::vector<RankedCategory>;

  // `counts` [num_images, kLanes]; writes the metrics of the first `num_lanes` to stats[0], stats[1], ...
  void CountLanes(const std::vector<uint16_t>& counts, int num_lanes, std::vector<double>* stats) const;

  int num_images_ = 0, num_metrics_ = 0;
  SummaryRule summary_rule_;
  Quirks quirks_;
  std::vector<Slice> slices_;  // all, medium, large persons; or all, easy, medium, hard images
};

}  // namespace eval

#endif  // EVAL_RESAMPLED_METRICS_H_
