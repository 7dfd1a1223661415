#include "eval/oks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace eval {
namespace {

// How far `value` lies outside [low, high]; NaN stays NaN, as in numpy's maximum and unlike in std::max.
double Outside(double value, double low, double high) {
  const auto positive = [](double x) { return x > 0 || std::isnan(x) ? x : 0.0; };
  return positive(low - value) + positive(value - high);
}

}  // namespace

Oks::Oks(const KeypointDataset& dataset) {
  GROUPPOSE_CHECK(dataset.num_keypoints() <= kMaxKeypoints, "at most ", kMaxKeypoints, " keypoints, got ",
                  dataset.num_keypoints());
  for (const double sigma : dataset.sigmas) variances_.push_back((sigma * 2) * (sigma * 2));
}

int Oks::PerKeypoint(const double* detected, const OksTarget& target, double* similarities) const {
  const int count = static_cast<int>(variances_.size());
  int labelled = 0;
  for (int k = 0; k < count; ++k) labelled += target.keypoints[3 * k + 2] > 0;

  const auto [x, y, width, height] = target.bbox;
  const double area = target.area + std::numeric_limits<double>::epsilon();
  for (int k = 0; k < count; ++k) {
    double dx, dy;
    if (labelled > 0) {
      dx = detected[3 * k] - target.keypoints[3 * k];
      dy = detected[3 * k + 1] - target.keypoints[3 * k + 1];
    } else {
      dx = Outside(detected[3 * k], x - width, x + width * 2);
      dy = Outside(detected[3 * k + 1], y - height, y + height * 2);
    }
    similarities[k] = std::exp(-((dx * dx + dy * dy) / variances_[k] / area / 2));
  }
  return labelled;
}

double Oks::operator()(const double* detected, const OksTarget& target) const {
  double similarities[kMaxKeypoints];
  const int labelled = PerKeypoint(detected, target, similarities);
  const int count = static_cast<int>(variances_.size());
  if (labelled == 0) return NumpySum(similarities, count) / count;
  int kept = 0;
  for (int k = 0; k < count; ++k) {
    if (target.keypoints[3 * k + 2] > 0) similarities[kept++] = similarities[k];
  }
  return NumpySum(similarities, kept) / kept;
}

double AreaOf(const Annotation& annotation, AreaRule rule) {
  if (rule == AreaRule::kAnnotated) return annotation.area.value_or(0);
  return annotation.bbox[2] * annotation.bbox[3] * kBoxAreaFraction;
}

double NumpySum(const double* values, size_t count) {
  // numpy/core/src/umath/loops_utils: the length up to which one block is summed
  constexpr size_t kBlock = 128;
  if (count < 8) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i];
    return sum;
  }
  if (count <= kBlock) {
    double r[8];
    std::copy_n(values, 8, r);
    size_t i = 8;
    for (; i + 8 <= count; i += 8) {
      for (int j = 0; j < 8; ++j) r[j] += values[i + j];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < count; ++i) sum += values[i];
    return sum;
  }
  size_t half = count / 2;
  half -= half % 8;
  return NumpySum(values, half) + NumpySum(values + half, count - half);
}

}  // namespace eval
