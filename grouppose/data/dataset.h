// A set of annotated images.
#ifndef GROUPPOSE_DATA_DATASET_H_
#define GROUPPOSE_DATA_DATASET_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/sample.h"

namespace grouppose {

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;

  // The image and the persons to learn from; index in {0, ..., size() - 1}. The same every time, from any thread.
  virtual absl::StatusOr<Sample> Get(int64_t index) const = 0;

  // Names, sigmas, flip pairs.
  virtual const eval::KeypointDataset& description() const = 0;

  // What predictions are measured against: the images of this set in the order of their index, with every annotation
  // they have (crowds and persons without keypoints too).
  virtual const eval::Dataset& ground_truth() const = 0;
};

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_DATASET_H_
