// Poses on pictures that nobody annotated: what `grouppose predict` does.
//
// Leaves in its folder
//   results.json          COCO results, the experiment's num_select best poses of every picture
//   images.json           the pictures: id, path, width, height, as COCO lists images without annotations
//   drawings/NAME.png     the poses with a score of at least `threshold` on the picture NAME
//   experiment, provenance, times (textproto)   as an evaluation leaves them
#ifndef GROUPPOSE_CONFIG_PREDICTION_H_
#define GROUPPOSE_CONFIG_PREDICTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "experiments/experiment.pb.h"
#include "grouppose/config/run.h"

namespace grouppose::config {

struct PredictionOptions {
  std::string checkpoint;           // weights of a whole model
  std::vector<std::string> images;  // picture files, and folders of pictures
  double threshold = 0.3;           // of drawn and counted poses
};

// Prints a line for each picture on stdout: its path, the number of persons at the threshold, their scores.
absl::Status RunPrediction(const experiments::Experiment& experiment, const PredictionOptions& prediction,
                           const RunOptions& options);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_PREDICTION_H_
