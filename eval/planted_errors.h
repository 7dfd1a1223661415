// Results with known errors, for tests: persons of random shape, found perfectly, some of them spoilt in one way.
#ifndef EVAL_PLANTED_ERRORS_H_
#define EVAL_PLANTED_ERRORS_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "eval/annotations.h"
#include "eval/diagnosis.h"
#include "eval/keypoint_dataset.h"

namespace eval {

struct Planted {
  KeypointDataset description;
  Dataset dataset;
  std::vector<Detection> detections;  // of annotation i at first: detections[i]
};

// Two or three persons an image, side by side; every keypoint labelled.
inline Planted PerfectResults(const KeypointDataset& description, int num_images, uint64_t seed) {
  Planted planted;
  planted.description = description;
  planted.dataset.categories = {{1, "person"}};
  base::RandomStream random("planted", {seed});
  for (int i = 0; i < num_images; ++i) {
    planted.dataset.images.push_back({1000 + i, 640, 480, std::to_string(1000 + i) + ".jpg", 0.1});
    const uint64_t persons = 2 + random.NextBelow(2);
    for (uint64_t person = 0; person < persons; ++person) {
      Annotation annotation;
      annotation.id = static_cast<int64_t>(planted.dataset.annotations.size()) + 1;
      annotation.image_id = 1000 + i;
      const double size = random.NextUniform(40, 180), x = 20 + 200 * static_cast<double>(person), y = 100;
      annotation.bbox = {x, y, size, size};
      annotation.area = 0.53 * size * size;
      annotation.num_keypoints = description.num_keypoints();
      for (int k = 0; k < description.num_keypoints(); ++k) {
        const double place_x = x + random.NextUniform(0, size), place_y = y + random.NextUniform(0, size);
        annotation.keypoints.insert(annotation.keypoints.end(), {place_x, place_y, 2});
      }
      planted.detections.push_back({annotation.image_id, 1, annotation.keypoints, random.NextUniform(0.5, 1), {}});
      planted.dataset.annotations.push_back(annotation);
    }
  }
  return planted;
}

// Moves keypoint k of a detection of a person so that its similarity is `similarity`.
inline void MoveToSimilarity(const Planted& planted, const Annotation& person, int k, double similarity,
                             Detection* detection) {
  const double width = 2 * planted.description.sigmas[k];
  detection->keypoints[3 * k] =
      person.keypoints[3 * k] + std::sqrt(-2 * std::log(similarity) * width * width * *person.area);
}

inline void ExchangeLeftAndRight(const Planted& planted, Detection* detection) {
  for (const auto& [left, right] : planted.description.flip_pairs) {
    for (int i = 0; i < 3; ++i) std::swap(detection->keypoints[3 * left + i], detection->keypoints[3 * right + i]);
  }
}

}  // namespace eval

#endif  // EVAL_PLANTED_ERRORS_H_
