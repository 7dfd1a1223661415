// What is done to an image and its persons between the file and the batch.
//
//   TransformForTraining(options, eval::Coco(), {seed, step, index}, &sample);
//   TransformForEvaluation(options, &sample);
//
// The parts (Flip, Resize, Crop) follow the official training code to the pixel. All of them change image and persons
// together, in pixels; MakeBatch normalises.
#ifndef GROUPPOSE_DATA_TRANSFORMS_H_
#define GROUPPOSE_DATA_TRANSFORMS_H_

#include <cstdint>
#include <vector>

#include "eval/keypoint_dataset.h"
#include "grouppose/data/sample.h"

namespace grouppose {

// The defaults are the published ones for COCO.
struct TransformOptions {
  double flip_probability = 0.5;
  // Training: the short side becomes one of `scales` (none: the size stays), the long side at most `max_size`.
  std::vector<int> scales = {480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800};
  int max_size = 1333;
  // With this probability, before that: the short side becomes one of `crop_resize_scales` and a part is cut out, each
  // side of it uniform between `min_crop` and the smaller of `max_crop` and the image's side.
  double crop_probability = 0.5;
  std::vector<int> crop_resize_scales = {400, 500, 600};
  int min_crop = 384, max_crop = 600;
  // Evaluation; a scale of 0 leaves the size as it is.
  int evaluation_scale = 800;
  int evaluation_max_size = 1333;
};

// Where in a run a sample is used. Its random decisions depend on this alone.
struct SampleAddress {
  uint64_t seed = 0, step = 0;
  uint64_t sample = 0;  // index in the data set
};

struct CropRegion {
  int64_t top = 0, left = 0, height = 0, width = 0;  // inside the image
};

// Mirrors: joints x to width - x - 1, boxes x to width - x, left and right joints change places.
void Flip(const eval::KeypointDataset& dataset, Sample* sample);

// Coordinates grow by the two ratios of the sizes, areas by their product.
void Resize(const ImageSize& size, Sample* sample);

// Persons whose box lies outside are dropped; boxes are cut off, and their area becomes the person's. Joints outside
// move to the nearest edge and stay labelled, as published.
void Crop(const CropRegion& region, Sample* sample);

void TransformForTraining(const TransformOptions& options, const eval::KeypointDataset& dataset,
                          const SampleAddress& address, Sample* sample);
void TransformForEvaluation(const TransformOptions& options, Sample* sample);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_TRANSFORMS_H_
