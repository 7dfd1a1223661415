// A step of an experiment's model on the clock: what `grouppose benchmark` does.
#ifndef GROUPPOSE_CONFIG_BENCHMARK_H_
#define GROUPPOSE_CONFIG_BENCHMARK_H_

#include <string>

#include "absl/status/statusor.h"
#include "experiments/experiment.pb.h"
#include "grouppose/benchmark/step_benchmark.h"
#include "grouppose/config/run.h"

namespace grouppose::config {

enum class BenchmarkMode { kInference, kTraining };

// Of `benchmark` everything but num_select and on_progress counts: these are the experiment's and the progress of
// `options`, whose seed gives the initial values. `checkpoint`: weights of a whole model, "" for none.
absl::StatusOr<StepBenchmark> RunBenchmark(const experiments::Experiment& experiment, BenchmarkMode mode,
                                           StepBenchmarkOptions benchmark, const std::string& checkpoint,
                                           const RunOptions& options);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_BENCHMARK_H_
