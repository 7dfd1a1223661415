// Small batches with known contents, for the tests of this room.
#ifndef GROUPPOSE_LOSS_TEST_BATCH_H_
#define GROUPPOSE_LOSS_TEST_BATCH_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/random.h"
#include "grouppose/data/targets.h"
#include "grouppose/model/outputs.h"

namespace grouppose::loss {

// Contents that depend on the name and the index alone, uniform in [low, high).
inline at::Tensor Uniform(const std::string& name, at::IntArrayRef sizes, double low, double high,
                          at::ScalarType type) {
  at::Tensor tensor = at::empty(sizes, at::TensorOptions(at::kDouble));
  base::RandomStream random(name, {});
  double* data = tensor.mutable_data_ptr<double>();
  for (int64_t i = 0; i < tensor.numel(); ++i) data[i] = random.NextUniform(low, high);
  return tensor.to(type);
}

inline PosePrediction RandomPrediction(const std::string& name, int64_t images, int64_t queries, int64_t values,
                                       at::ScalarType type) {
  return {Uniform(name + ".logits", {images, queries, 2}, -3, 2, type),
          Uniform(name + ".keypoints", {images, queries, values}, 0.05, 0.95, type)};
}

// `persons` persons of K joints, about a quarter of them not visible (the first joint always is).
inline ImageTargets RandomPersons(const std::string& name, int64_t persons, int64_t num_body_points) {
  ImageTargets targets;
  targets.labels = at::full({persons}, 1, at::TensorOptions(at::kLong));
  targets.boxes = Uniform(name + ".boxes", {persons, 4}, 0.2, 0.8, at::kFloat);
  targets.keypoints = Uniform(name + ".keypoints", {persons, 3 * num_body_points}, 0.1, 0.9, at::kFloat);
  targets.area = Uniform(name + ".area", {persons}, 0.02, 0.5, at::kFloat);
  base::RandomStream random(name + ".visibility", {});
  float* values = targets.keypoints.mutable_data_ptr<float>();
  for (int64_t p = 0; p < persons; ++p) {
    for (int64_t k = 0; k < num_body_points; ++k) {
      const bool hidden = k > 0 && random.NextBelow(4) == 0;
      values[p * 3 * num_body_points + 2 * num_body_points + k] = hidden ? 0 : 1 + random.NextBelow(2);
    }
  }
  return targets;
}

// One person: x y of every joint, then visibilities.
inline ImageTargets OnePerson(const std::vector<float>& keypoints, float area, int64_t label = 1) {
  ImageTargets targets;
  targets.labels = at::full({1}, label, at::TensorOptions(at::kLong));
  targets.boxes = at::full({1, 4}, 0.5, at::TensorOptions(at::kFloat));
  targets.keypoints = at::empty({1, static_cast<int64_t>(keypoints.size())}, at::TensorOptions(at::kFloat));
  std::copy(keypoints.begin(), keypoints.end(), targets.keypoints.mutable_data_ptr<float>());
  targets.area = at::full({1}, area, at::TensorOptions(at::kFloat));
  return targets;
}

inline ImageTargets NoPersons(int64_t num_body_points) {
  return {at::zeros({0}, at::TensorOptions(at::kLong)), at::zeros({0, 4}), at::zeros({0, 3 * num_body_points}),
          at::zeros({0})};
}

// [1, queries, values] of one image.
inline at::Tensor Rows(const std::vector<std::vector<double>>& rows, at::ScalarType type) {
  const int64_t count = static_cast<int64_t>(rows.size()), width = static_cast<int64_t>(rows[0].size());
  at::Tensor tensor = at::empty({1, count, width}, at::TensorOptions(at::kDouble));
  for (int64_t r = 0; r < count; ++r) {
    std::copy(rows[r].begin(), rows[r].end(), tensor.mutable_data_ptr<double>() + r * width);
  }
  return tensor.to(type);
}

}  // namespace grouppose::loss

#endif  // GROUPPOSE_LOSS_TEST_BATCH_H_
