#include "grouppose/nn/position_encoding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "base/check.h"

namespace grouppose::nn {
namespace {

constexpr double kTwoPi = 6.283185307179586;
// Vaswani's value, which the official code keeps for points.
constexpr double kPointTemperature = 10000;
// keeps the normalisation finite for a level that is padding alone
constexpr double kLengthEpsilon = 1e-6;

// Wavelengths temperature^(2i / n), i = 0, 1, ..., n / 2 - 1, for the n channels of one axis.
at::Tensor Wavelengths(int64_t channels, double temperature, const at::Tensor& like) {
  at::Tensor wavelengths = at::empty({channels / 2}, at::kFloat);
  float* out = wavelengths.mutable_data_ptr<float>();
  for (int64_t i = 0; i < channels / 2; ++i) {
    out[i] = static_cast<float>(std::pow(temperature, static_cast<double>(2 * i) / static_cast<double>(channels)));
  }
  return wavelengths.to(like.options());
}

// [...] -> [..., 2 * wavelengths]: sine and cosine by turns.
at::Tensor SineAndCosine(const at::Tensor& positions, const at::Tensor& wavelengths) {
  const at::Tensor angles = positions.unsqueeze(-1) / wavelengths;
  return at::stack({angles.sin(), angles.cos()}, -1).flatten(-2);
}

void CheckChannels(int64_t channels) {
  GROUPPOSE_CHECK(channels > 0 && channels % 4 == 0, "sine and cosine of two axes need a multiple of 4 channels, got ",
                  channels);
}

}  // namespace

at::Tensor PixelPositionEncoding(const at::Tensor& padding_mask, int64_t channels,
                                 const PositionTemperature& temperature) {
  CheckChannels(channels);
  GROUPPOSE_CHECK(padding_mask.dim() == 3, "the mask is [batch, height, width], got ", padding_mask.sizes());
  const at::Tensor inside = padding_mask.logical_not();
  at::Tensor y = inside.cumsum(1, at::kFloat), x = inside.cumsum(2, at::kFloat);
  y = y / (y.narrow(1, y.size(1) - 1, 1) + kLengthEpsilon) * kTwoPi;
  x = x / (x.narrow(2, x.size(2) - 1, 1) + kLengthEpsilon) * kTwoPi;
  return at::cat({SineAndCosine(y, Wavelengths(channels / 2, temperature.height, y)),
                  SineAndCosine(x, Wavelengths(channels / 2, temperature.width, x))},
                 -1)
      .flatten(1, 2);
}

at::Tensor PointPositionEncoding(const at::Tensor& points, int64_t channels) {
  CheckChannels(channels);
  GROUPPOSE_CHECK(points.size(-1) == 2, "points are [..., 2], got ", points.sizes());
  const at::Tensor wavelengths = Wavelengths(channels / 2, kPointTemperature, points);
  // y before x
  return SineAndCosine(points.flip(-1) * kTwoPi, wavelengths).flatten(-2);
}

}  // namespace grouppose::nn
