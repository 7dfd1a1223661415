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

int Oks::PerKeypoint(const double* detected, const OksTarget& target, double* similarities, int stride) const {
  const int count = static_cast<int>(variances_.size());
  int labelled = 0;
  for (int k = 0; k < count; ++k) labelled += target.keypoints[3 * k + 2] > 0;

  const auto [x, y, width, height] = target.bbox;
  const double area = target.area + std::numeric_limits<double>::epsilon();
  for (int k = 0; k < count; ++k) {
    double dx, dy;
    if (labelled > 0) {
      dx = detected[stride * k] - target.keypoints[3 * k];
      dy = detected[stride * k + 1] - target.keypoints[3 * k + 1];
    } else {
      dx = Outside(detected[stride * k], x - width, x + width * 2);
      dy = Outside(detected[stride * k + 1], y - height, y + height * 2);
    }
    similarities[k] = std::exp(-((dx * dx + dy * dy) / variances_[k] / area / 2));
  }
  return labelled;
}

double Oks::operator()(const double* detected, const OksTarget& target, int stride) const {
  double similarities[kMaxKeypoints];
  const int labelled = PerKeypoint(detected, target, similarities, stride);
  const int count = static_cast<int>(variances_.size());
  if (labelled == 0) return NumpySum(similarities, count) / count;
  int kept = 0;
  for (int k = 0; k < count; ++k) {
    if (target.keypoints[3 * k + 2] > 0) similarities[kept++] = similarities[k];
  }
  return NumpySum(similarities, kept) / kept;
}

void OksBound::Pose::Set(const Oks& oks, const double* detected, int stride) {
  const int count = oks.num_keypoints(), fours = (count + 3) / 4;
  x_.resize(fours);
  y_.resize(fours);
  for (int i = 0; i < fours; ++i) {
    for (int lane = 0; lane < 4; ++lane) {
      const int k = 4 * i + lane;
      x_[i][lane] = k < count ? detected[stride * k] : 0;
      y_[i][lane] = k < count ? detected[stride * k + 1] : 0;
    }
  }
}

void OksBound::Set(const Oks& oks, const OksTarget& target) {
  const int count = oks.num_keypoints(), fours = (count + 3) / 4;
  for (std::vector<Four>* values : {&low_x_, &high_x_, &low_y_, &high_y_, &inverse_, &counts_}) {
    values->assign(fours, Four{});
  }
  int labelled = 0;
  for (int k = 0; k < count; ++k) labelled += target.keypoints[3 * k + 2] > 0;
  num_counted_ = labelled > 0 ? labelled : count;
  const double area = target.area + std::numeric_limits<double>::epsilon();
  // else e is negative, and the bound is none
  usable_ = area > 0;
  const auto [x, y, width, height] = target.bbox;
  for (int k = 0; k < count; ++k) {
    const int i = k / 4, lane = k % 4;
    const double* const keypoint = target.keypoints + 3 * k;
    low_x_[i][lane] = labelled > 0 ? keypoint[0] : x - width;
    high_x_[i][lane] = labelled > 0 ? keypoint[0] : x + width * 2;
    low_y_[i][lane] = labelled > 0 ? keypoint[1] : y - height;
    high_y_[i][lane] = labelled > 0 ? keypoint[1] : y + height * 2;
    inverse_[i][lane] = 1 / (2 * oks.variances()[k] * area);
    counts_[i][lane] = labelled == 0 || keypoint[2] > 0;
  }
}

bool OksBound::IsBelow(const Pose& pose, double threshold) const {
  if (!usable_) return false;
  // far above the rounding of a few hundred additions
  constexpr double kMargin = 1e-9;
  const Four zero = {}, one = {1, 1, 1, 1};
  // NaN stays NaN, since it is not at most 0
  const auto outside = [&](const Four& value, const Four& low, const Four& high) {
    const Four below = low - value, above = value - high;
    return (below <= zero ? zero : below) + (above <= zero ? zero : above);
  };
  Four sums = {};
  for (size_t i = 0; i < pose.x_.size(); ++i) {
    const Four dx = outside(pose.x_[i], low_x_[i], high_x_[i]), dy = outside(pose.y_[i], low_y_[i], high_y_[i]);
    const Four e = (dx * dx + dy * dy) * inverse_[i];
    sums += counts_[i] / (one + e + e * e * 0.5);
  }
  const double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return sum < threshold * num_counted_ * (1 - kMargin);
}

int NumLabelled(const Annotation& annotation) {
  int labelled = 0;
  for (size_t k = 2; k < annotation.keypoints.size(); k += 3) labelled += annotation.keypoints[k] > 0;
  return labelled;
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
