// A batch as plain arrays: what matcher and criterion loop over. Both are a few thousand numbers an image, so plain
// loops are cheaper than hundreds of tensor operations a training step.
//
//   ASSIGN_OR_RETURN(const Persons<float> persons, PackPersons<float>(batch.targets, sigmas.size(), classes));
//   const PoseView<float> view(outputs.final, sigmas.size());
//   view.Keypoints(image, query)[2 * k]      // x of joint k
//
// Scalar is float or double; float keeps the arithmetic of the official implementation.
#ifndef GROUPPOSE_LOSS_BATCH_VIEW_H_
#define GROUPPOSE_LOSS_BATCH_VIEW_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/data/targets.h"
#include "grouppose/model/outputs.h"

namespace grouppose::loss {

// The persons of all images, one after the other.
template <typename Scalar>
struct Persons {
  int64_t num_body_points = 0;      // K
  std::vector<int64_t> first;       // [images + 1]: image i has the persons first[i] ... first[i + 1] - 1
  std::vector<int64_t> labels;      // [persons]
  std::vector<Scalar> area;         // [persons], of the normalised image
  std::vector<Scalar> keypoints;    // [persons, 2K]: x y x y ...; 0 where not visible
  std::vector<Scalar> visibility;   // [persons, K]: 1 where annotated (v > 0), else 0
  std::vector<Scalar> num_visible;  // [persons]

  int64_t images() const { return static_cast<int64_t>(first.size()) - 1; }
  int64_t count() const { return first.back(); }
};

// InvalidArgument where a target contradicts targets.h: shapes, a label outside [0, num_classes), a visible joint or an
// area that is not finite, a negative area. The message names image and person.
template <typename Scalar>
absl::StatusOr<Persons<Scalar>> PackPersons(const Targets& targets, int64_t num_body_points, int64_t num_classes);

// One prediction, on the CPU and contiguous; copies only where the tensors are not.
template <typename Scalar>
class PoseView {
 public:
  // `prediction` has 2K or 3K values a query; only the 2K coordinates are looked at.
  PoseView(const PosePrediction& prediction, int64_t num_body_points);

  int64_t images() const { return logits_.size(0); }
  int64_t queries() const { return logits_.size(1); }
  int64_t classes() const { return logits_.size(2); }
  int64_t keypoint_values() const { return keypoints_.size(2); }
  const Scalar* Logits(int64_t image, int64_t query) const {
    return logits_data_ + (image * queries() + query) * classes();
  }
  const Scalar* Keypoints(int64_t image, int64_t query) const {
    return keypoints_data_ + (image * queries() + query) * keypoint_values();
  }

 private:
  at::Tensor logits_, keypoints_;
  const Scalar *logits_data_, *keypoints_data_;
};

// 2 * variance of the Gaussian that scores a joint at person area 1: 2 * (2 sigma)^2, in Scalar arithmetic.
// COCO keypoint evaluation, https://cocodataset.org/#keypoints-eval.
template <typename Scalar>
std::vector<Scalar> DoubledVariances(const std::vector<double>& sigmas);

// Sum over visible joints of |x - x'| + |y - y'|.
template <typename Scalar>
Scalar VisibleL1(const Scalar* predicted, const Persons<Scalar>& persons, int64_t person);

// Object keypoint similarity of a pose and a person in normalised coordinates: the mean of
// exp(-d^2 / (2 * area * (2 sigma)^2)) over visible joints, its denominator enlarged by kOksDenominatorEps.
// Where `terms` is not null it receives the K exponentials (0 at joints that are not visible).
template <typename Scalar>
Scalar Oks(const Scalar* predicted, const Persons<Scalar>& persons, int64_t person,
           const std::vector<Scalar>& doubled_variances, Scalar* terms);

// Keeps a person without a visible joint at an OKS of 0 instead of 0/0.
inline constexpr double kOksDenominatorEps = 1e-6;
// Below it OKS counts as this value, with no gradient: the official losses clamp there.
inline constexpr double kMinOks = 1e-6;

}  // namespace grouppose::loss

#endif  // GROUPPOSE_LOSS_BATCH_VIEW_H_
