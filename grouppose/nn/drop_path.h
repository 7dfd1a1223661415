// Stochastic depth: a residual branch is left out for whole images.
//
// Huang et al. 2016, "Deep networks with stochastic depth". A model draws for all its branches at the start of a pass,
//   const at::Tensor scales = DropPathScales({0, 0.1, 0.2}, images.size(0));
//   x = x + DropPath(branch, scales.select(0, 1));
// so what an image drops depends on (state of the generator, branch, image) and on nothing else that draws, and a
// branch that is computed a second time drops the same.
#ifndef GROUPPOSE_NN_DROP_PATH_H_
#define GROUPPOSE_NN_DROP_PATH_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace grouppose::nn {

// 0 with the branch's probability p < 1, else 1 / (1 - p): [branches, batch] float32 on the CPU. It draws once from
// torch's default generator, which train/loop.h seeds at every step.
at::Tensor DropPathScales(const std::vector<double>& probabilities, int64_t batch);

// branch [batch, ...] times scales [batch]; the branch itself where `scales` is undefined.
at::Tensor DropPath(const at::Tensor& branch, const at::Tensor& scales);

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_DROP_PATH_H_
