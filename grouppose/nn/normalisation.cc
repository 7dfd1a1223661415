#include "grouppose/nn/normalisation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>

#include "base/check.h"

namespace grouppose::nn {

LayerNorm::LayerNorm(int64_t size)
    : size_(size),
      weight_(AddParameter("weight", {size}, Init::One())),
      bias_(AddParameter("bias", {size}, Init::Zero())) {}

at::Tensor LayerNorm::Forward(const at::Tensor& input) const {
  return at::layer_norm(input, {size_}, weight_, bias_, kNormEpsilon);
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels)
    : groups_(groups),
      weight_(AddParameter("weight", {channels}, Init::One())),
      bias_(AddParameter("bias", {channels}, Init::Zero())) {
  GROUPPOSE_CHECK(groups > 0 && channels % groups == 0, channels, " channels do not divide into ", groups, " groups");
}

at::Tensor GroupNorm::Forward(const at::Tensor& input) const {
  return at::group_norm(input, groups_, weight_, bias_, kNormEpsilon);
}

FrozenBatchNorm::FrozenBatchNorm(int64_t channels)
    : weight_(AddBuffer("weight", {channels}, Init::One())),
      bias_(AddBuffer("bias", {channels}, Init::Zero())),
      running_mean_(AddBuffer("running_mean", {channels}, Init::Zero())),
      running_var_(AddBuffer("running_var", {channels}, Init::One())) {}

FrozenBatchNorm::Affine FrozenBatchNorm::AsAffine() const {
  const at::Tensor scale = weight_ * (running_var_ + kNormEpsilon).rsqrt();
  return {scale, bias_ - running_mean_ * scale};
}

}  // namespace grouppose::nn
