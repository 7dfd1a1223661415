// Published results beside results of our own.
//
//   ASSIGN_OR_RETURN(PublishedResult row, FindPublished("GroupPose/ResNet-50/COCO val2017"));
//   std::puts(ComparePublished(experiment, metrics.evaluations(0)).c_str());
//   // GroupPose/ResNet-50/COCO val2017, published -> here: AP 72.0 -> 71.4 (-0.6), AP50 89.4 -> 89.1 (-0.3), ...
#ifndef EXPERIMENTS_PUBLISHED_H_
#define EXPERIMENTS_PUBLISHED_H_

#include <string>

#include "absl/status/statusor.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "experiments/published.pb.h"

namespace grouppose::experiments {

// All rows of published.textproto, which is compiled in.
const PublishedResults& Published();

// "GroupPose/ResNet-50/COCO val2017".
std::string PublishedName(const PublishedResult& row);

// InvalidArgument with the nearest name where there is no such row.
absl::StatusOr<PublishedResult> FindPublished(const std::string& name);

// One line: the row that the experiment names, what this evaluation found, and the difference, in percent. "" where the
// experiment names none or another split was evaluated; where only a part of the split was, the line says so and
// compares nothing.
std::string ComparePublished(const Experiment& experiment, const Metrics::Evaluation& evaluation);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_PUBLISHED_H_
