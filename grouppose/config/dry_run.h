// What a training or an evaluation would do, without doing it: everything is resolved, checked and built that can be,
// and nothing is written.
#ifndef GROUPPOSE_CONFIG_DRY_RUN_H_
#define GROUPPOSE_CONFIG_DRY_RUN_H_

#include <string>

#include "absl/status/statusor.h"
#include "experiments/experiment.pb.h"
#include "grouppose/config/run.h"

namespace grouppose::config {

// Lines for a reader: data, model, what it starts from, steps, learning rates, files. The model is built. Data and
// files of weights are read where they are there; where they are not, the text says so, for a plan is often made on
// another machine than the one that has them. Synthetic people are not drawn.
//
// The errors are those of RunTraining and RunEvaluation: a scheme that is not linked, annotations that cannot be read,
// weights that do not fit, a training that would be overwritten.
absl::StatusOr<std::string> DescribeTraining(const experiments::Experiment& experiment, const RunOptions& options);
absl::StatusOr<std::string> DescribeEvaluation(const experiments::Experiment& experiment, const std::string& checkpoint,
                                               const std::string& split, const RunOptions& options);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_DRY_RUN_H_
