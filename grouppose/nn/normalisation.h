// Layer norm, group norm and frozen batch norm.
#ifndef GROUPPOSE_NN_NORMALISATION_H_
#define GROUPPOSE_NN_NORMALISATION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "grouppose/nn/module.h"

namespace grouppose::nn {

// All three, as in torch and in the official frozen batch norm.
inline constexpr double kNormEpsilon = 1e-5;

// Over the last dimension. "weight" and "bias" [size], starting at one and zero.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int64_t size);
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  int64_t size_;
  at::Tensor weight_, bias_;
};

// Over groups of channels and all positions of [batch, channels, height, width]. "weight" and "bias" [channels].
class GroupNorm : public Module {
 public:
  GroupNorm(int64_t groups, int64_t channels);
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  int64_t groups_;
  at::Tensor weight_, bias_;
};

// Batch norm whose statistics and affine map never change. All four tensors are buffers: "weight", "bias",
// "running_mean", "running_var" [channels].
class FrozenBatchNorm : public Module {
 public:
  explicit FrozenBatchNorm(int64_t channels);

  // The norm as y = scale * x + shift per channel, for the convolution in front of it.
  struct Affine {
    at::Tensor scale, shift;  // [channels]
  };
  Affine AsAffine() const;

 private:
  at::Tensor weight_, bias_, running_mean_, running_var_;
};

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_NORMALISATION_H_
