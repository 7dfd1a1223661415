#include "grouppose/loss/batch_view.h"

#include <c10/core/ScalarType.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace grouppose::loss {
namespace {

std::string SizesOf(const at::Tensor& tensor) {
  return tensor.defined() ? base::ConcatForCheck(tensor.sizes()) : "nothing";
}

absl::Status CheckShapes(const ImageTargets& target, int64_t num_body_points, size_t image) {
  auto wrong = [&](const char* what, const at::Tensor& found, const std::string& expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("targets of image ", image, ": ", what, " are ", SizesOf(found), ", expected ", expected));
  };
  if (!target.labels.defined() || target.labels.dim() != 1) return wrong("labels", target.labels, "[persons]");
  const int64_t count = target.labels.size(0);
  if (!target.keypoints.defined() || !target.keypoints.sizes().equals({count, 3 * num_body_points})) {
    return wrong("keypoints", target.keypoints, absl::StrCat("[", count, ", ", 3 * num_body_points, "]"));
  }
  if (!target.area.defined() || !target.area.sizes().equals({count})) {
    return wrong("areas", target.area, absl::StrCat("[", count, "]"));
  }
  return absl::OkStatus();
}

template <typename Scalar>
absl::Status CheckValues(const Persons<Scalar>& persons, int64_t person, int64_t num_classes) {
  const int64_t label = persons.labels[person];
  if (label < 0 || label >= num_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat("label is ", label, ", expected 0 to ", num_classes - 1, " (a person is 1)"));
  }
  const Scalar area = persons.area[person];
  if (!std::isfinite(area) || area < 0) {
    return absl::InvalidArgumentError(absl::StrCat("area is ", area, ", expected a number >= 0"));
  }
  const int64_t num_body_points = persons.num_body_points;
  for (int64_t i = 0; i < 2 * num_body_points; ++i) {
    const Scalar value = persons.keypoints[person * 2 * num_body_points + i];
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(i % 2 == 0 ? "x" : "y", " of the visible joint ", i / 2, " is ", value, ", expected a number"));
    }
  }
  return absl::OkStatus();
}

// One row of a target: the coordinates of visible joints, and which are visible.
template <typename Scalar>
void AppendKeypoints(const Scalar* row, Persons<Scalar>* persons) {
  const int64_t num_body_points = persons->num_body_points;
  Scalar num_visible = 0;
  for (int64_t k = 0; k < num_body_points; ++k) {
    const bool visible = row[2 * num_body_points + k] > 0;
    persons->keypoints.push_back(visible ? row[2 * k] : Scalar(0));
    persons->keypoints.push_back(visible ? row[2 * k + 1] : Scalar(0));
    persons->visibility.push_back(visible ? Scalar(1) : Scalar(0));
    num_visible += visible;
  }
  persons->num_visible.push_back(num_visible);
}

}  // namespace

template <typename Scalar>
absl::StatusOr<Persons<Scalar>> PackPersons(const Targets& targets, int64_t num_body_points, int64_t num_classes) {
  constexpr auto kType = c10::CppTypeToScalarType<Scalar>::value;
  Persons<Scalar> persons;
  persons.num_body_points = num_body_points;
  persons.first.push_back(0);
  for (size_t image = 0; image < targets.size(); ++image) {
    RETURN_IF_ERROR(CheckShapes(targets[image], num_body_points, image));
    const at::Tensor labels = targets[image].labels.to(at::kCPU, at::kLong).contiguous();
    const at::Tensor keypoints = targets[image].keypoints.to(at::kCPU, kType).contiguous();
    const at::Tensor area = targets[image].area.to(at::kCPU, kType).contiguous();
    for (int64_t p = 0; p < labels.size(0); ++p) {
      persons.labels.push_back(labels.const_data_ptr<int64_t>()[p]);
      persons.area.push_back(area.const_data_ptr<Scalar>()[p]);
      AppendKeypoints(keypoints.const_data_ptr<Scalar>() + p * 3 * num_body_points, &persons);
      const absl::Status status = CheckValues(persons, persons.first.back() + p, num_classes);
      if (!status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("targets of image ", image, ", person ", p, ": ", status.message()));
      }
    }
    persons.first.push_back(persons.first.back() + labels.size(0));
  }
  return persons;
}

template <typename Scalar>
PoseView<Scalar>::PoseView(const PosePrediction& prediction, int64_t num_body_points) {
  const at::Tensor &logits = prediction.logits, &keypoints = prediction.keypoints;
  GROUPPOSE_CHECK(logits.defined() && logits.dim() == 3, "logits are [batch, queries, classes], got ", SizesOf(logits));
  GROUPPOSE_CHECK(keypoints.defined() && keypoints.dim() == 3 && keypoints.size(0) == logits.size(0) &&
                      keypoints.size(1) == logits.size(1) &&
                      (keypoints.size(2) == 2 * num_body_points || keypoints.size(2) == 3 * num_body_points),
                  "keypoints are [batch, queries, 2K or 3K] with K = ", num_body_points, ", got ", SizesOf(keypoints),
                  " beside logits of ", SizesOf(logits));
  constexpr auto kType = c10::CppTypeToScalarType<Scalar>::value;
  logits_ = logits.detach().to(at::kCPU, kType).contiguous();
  keypoints_ = keypoints.detach().to(at::kCPU, kType).contiguous();
  logits_data_ = logits_.template const_data_ptr<Scalar>();
  keypoints_data_ = keypoints_.template const_data_ptr<Scalar>();
}

template <typename Scalar>
std::vector<Scalar> DoubledVariances(const std::vector<double>& sigmas) {
  std::vector<Scalar> out;
  for (double sigma : sigmas) {
    const Scalar doubled = static_cast<Scalar>(sigma) * 2;
    out.push_back(doubled * doubled * 2);
  }
  return out;
}

template <typename Scalar>
Scalar VisibleL1(const Scalar* predicted, const Persons<Scalar>& persons, int64_t person) {
  const int64_t num_body_points = persons.num_body_points;
  const Scalar* annotated = persons.keypoints.data() + person * 2 * num_body_points;
  const Scalar* visibility = persons.visibility.data() + person * num_body_points;
  Scalar sum = 0;
  for (int64_t k = 0; k < num_body_points; ++k) {
    sum += visibility[k] *
           (std::abs(predicted[2 * k] - annotated[2 * k]) + std::abs(predicted[2 * k + 1] - annotated[2 * k + 1]));
  }
  return sum;
}

template <typename Scalar>
Scalar Oks(const Scalar* predicted, const Persons<Scalar>& persons, int64_t person,
           const std::vector<Scalar>& doubled_variances, Scalar* terms) {
  const int64_t num_body_points = persons.num_body_points;
  const Scalar* annotated = persons.keypoints.data() + person * 2 * num_body_points;
  const Scalar* visibility = persons.visibility.data() + person * num_body_points;
  const Scalar area = persons.area[person];
  Scalar sum = 0;
  for (int64_t k = 0; k < num_body_points; ++k) {
    Scalar term = 0;
    if (visibility[k] > 0) {
      const Scalar x = predicted[2 * k] - annotated[2 * k], y = predicted[2 * k + 1] - annotated[2 * k + 1];
      term = std::exp(-(x * x + y * y) / (area * doubled_variances[k]));
    }
    if (terms != nullptr) terms[k] = term;
    sum += term;
  }
  return sum / (persons.num_visible[person] + static_cast<Scalar>(kOksDenominatorEps));
}

#define INSTANTIATE(Scalar)                                                                       \
  template absl::StatusOr<Persons<Scalar>> PackPersons<Scalar>(const Targets&, int64_t, int64_t); \
  template class PoseView<Scalar>;                                                                \
  template std::vector<Scalar> DoubledVariances<Scalar>(const std::vector<double>&);              \
  template Scalar VisibleL1(const Scalar*, const Persons<Scalar>&, int64_t);                      \
  template Scalar Oks(const Scalar*, const Persons<Scalar>&, int64_t, const std::vector<Scalar>&, Scalar*)

INSTANTIATE(float);
INSTANTIATE(double);
#undef INSTANTIATE

}  // namespace grouppose::loss
