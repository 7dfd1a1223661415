// y = x W^T + b.
#ifndef GROUPPOSE_NN_LINEAR_H_
#define GROUPPOSE_NN_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "grouppose/nn/module.h"

namespace grouppose::nn {

// torch's own start of a layer with `fan_in` inputs: U(-1/sqrt(fan_in), 1/sqrt(fan_in)), for the weight and the bias.
Init UniformByFanIn(int64_t fan_in);

// "weight" [out, in], "bias" [out] where there is one.
class Linear : public Module {
 public:
  Linear(int64_t in, int64_t out, Init weight, std::optional<Init> bias);
  Linear(int64_t in, int64_t out) : Linear(in, out, UniformByFanIn(in), UniformByFanIn(in)) {}

  // [..., in] -> [..., out]
  at::Tensor Forward(const at::Tensor& input) const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_, bias_;
};

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_LINEAR_H_
