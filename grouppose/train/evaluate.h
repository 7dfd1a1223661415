// A model on a data set: predictions, and what the evaluator says of them.
#ifndef GROUPPOSE_TRAIN_EVALUATE_H_
#define GROUPPOSE_TRAIN_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/evaluator.h"
#include "grouppose/data/dataset.h"
#include "grouppose/data/loader.h"
#include "grouppose/model/group_pose.h"

namespace grouppose::train {

struct EvaluateOptions {
  LoaderOptions loader;
  int64_t num_select = 50;  // poses an image
  // EvaluateModel, where AP is given for easy, medium and hard images: only poses of the last batch count in these
  // three, against the persons of all images, as in the official program (its evaluator has no others left by then).
  bool difficulty_of_last_batch = false;
  // After every batch, with images done.
  std::function<void(int64_t)> on_progress;
};

// COCO results: the image id of the data set, the class as category id (0 is no category, as in the official program),
// keypoints in pixels of the original image. A model without decoder is read at its encoder's poses.
// Dropout is off while it runs; no gradients are kept.
absl::StatusOr<std::vector<eval::Detection>> Predict(const EvaluateOptions& options, const Dataset& dataset,
                                                     GroupPose* model);

// Predict, then the evaluator of the data set on its ground truth.
struct Evaluation {
  std::vector<eval::Detection> detections;
  eval::Metrics metrics;
};
absl::StatusOr<Evaluation> EvaluateModel(const EvaluateOptions& options, const Dataset& dataset, GroupPose* model);

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_EVALUATE_H_
