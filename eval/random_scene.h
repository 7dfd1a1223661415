// Small random evaluations for tests: everything that makes ranking and counting hard, in a few images.
#ifndef EVAL_RANDOM_SCENE_H_
#define EVAL_RANDOM_SCENE_H_

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"

namespace eval {

// Persons with two keypoints, of medium and large area, two categories, crowds, people without keypoints, images
// without anybody, detections near and far, and scores of which many are equal, within an image and across.
struct Scene {
  Dataset dataset;
  std::vector<Detection> detections;
};

inline KeypointDataset TwoKeypoints() {
  KeypointDataset description;
  description.name = "two";
  description.names = {"left", "right"};
  description.sigmas = {0.1, 0.05};
  return description;
}

inline Scene DrawScene(int num_images, uint64_t seed) {
  Scene scene;
  scene.dataset.categories = {{1, "person"}, {7, "statue"}};
  base::RandomStream random("scene", {seed});
  for (int image = 0; image < num_images; ++image) {
    scene.dataset.images.push_back({100 + image});
    scene.dataset.images.back().crowd_index = 0.1 * static_cast<double>(random.NextBelow(11));
    const uint64_t persons = random.NextBelow(4);
    for (uint64_t person = 0; person < persons; ++person) {
      Annotation annotation;
      annotation.id = static_cast<int64_t>(scene.dataset.annotations.size()) + 1;
      annotation.image_id = 100 + image;
      annotation.category_id = random.NextBelow(4) == 0 ? 7 : 1;
      const bool large = random.NextBelow(3) == 0;
      annotation.area = large ? 9216 + 5000 * static_cast<double>(random.NextBelow(2)) : 3000;
      annotation.iscrowd = random.NextBelow(12) == 0;
      const double x = random.NextUniform(0, 200), y = random.NextUniform(0, 200);
      annotation.bbox = {x, y, 60, 80};
      annotation.num_keypoints = random.NextBelow(10) == 0 ? 0 : 2;
      annotation.keypoints = {x + 10, y + 10, 2, x + (large ? 120 : 50), y + (large ? 110 : 50), 1};
      scene.dataset.annotations.push_back(annotation);
      const uint64_t detections = random.NextBelow(4);
      for (uint64_t i = 0; i < detections; ++i) {
        Detection detection;
        detection.image_id = annotation.image_id;
        detection.category_id = annotation.category_id;
        detection.score = 0.125 * static_cast<double>(random.NextBelow(8));
        const double error = random.NextUniform(0, 12);
        detection.keypoints = annotation.keypoints;
        detection.keypoints[0] += error;
        detection.keypoints[4] -= error;
        scene.detections.push_back(detection);
      }
    }
  }
  return scene;
}

// The same scene with image i standing there counts[i] times, the copies next to each other.
inline Scene Repeated(const Scene& scene, const std::vector<int>& counts) {
  Scene repeated;
  repeated.dataset.categories = scene.dataset.categories;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t from = scene.dataset.images[i].id;
    for (int copy = 0; copy < counts[i]; ++copy) {
      const int64_t to = from * 1000 + copy;
      repeated.dataset.images.push_back(scene.dataset.images[i]);
      repeated.dataset.images.back().id = to;
      for (Annotation annotation : scene.dataset.annotations) {
        if (annotation.image_id != from) continue;
        annotation.image_id = to;
        annotation.id = static_cast<int64_t>(repeated.dataset.annotations.size()) + 1;
        repeated.dataset.annotations.push_back(annotation);
      }
      for (Detection detection : scene.detections) {
        if (detection.image_id != from) continue;
        detection.image_id = to;
        repeated.detections.push_back(detection);
      }
    }
  }
  return repeated;
}

}  // namespace eval

#endif  // EVAL_RANDOM_SCENE_H_
