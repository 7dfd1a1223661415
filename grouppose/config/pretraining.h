// What stands where ImageNet stands in the paper: a backbone, an encoder and two-stage heads that know synthetic
// people.
#ifndef GROUPPOSE_CONFIG_PRETRAINING_H_
#define GROUPPOSE_CONFIG_PRETRAINING_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/experiment.pb.h"
#include "grouppose/data/dataset.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/train/loop.h"

namespace grouppose::config {

struct PretrainingHooks {
  std::function<absl::Status(const train::LogRecord&)> on_log;
  bool quiet = false;
};

bool HasPretraining(const experiments::Experiment& experiment);

// Trains a model without decoder on synthetic people, from the initial values of `seed`: first its backbone on
// heatmaps, then all of it on its own losses. The initial values are those that the whole model has under the same
// names, so nothing of a scheme takes part.
absl::StatusOr<std::unique_ptr<GroupPose>> Pretrain(const experiments::Experiment& experiment, uint64_t seed,
                                                    const Dataset& people, const PretrainingHooks& hooks);

// Copies what a model without decoder knows into a whole one; what only the decoder has keeps its values.
absl::Status LoadPretrained(const std::map<std::string, at::Tensor>& tensors, const std::string& source,
                            GroupPose* model);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_PRETRAINING_H_
