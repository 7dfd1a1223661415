#include "grouppose/nn/drop_path.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>

#include "base/check.h"

namespace grouppose::nn {

at::Tensor DropPathScales(const std::vector<double>& probabilities, int64_t batch) {
  at::Tensor scales = at::rand({static_cast<int64_t>(probabilities.size()), batch}, at::kFloat);
  float* scale = scales.mutable_data_ptr<float>();
  for (double probability : probabilities) {
    GROUPPOSE_CHECK(0 <= probability && probability < 1, "a branch is dropped with probability ", probability);
    for (int64_t image = 0; image < batch; ++image, ++scale) {
      *scale = *scale < probability ? 0 : static_cast<float>(1 / (1 - probability));
    }
  }
  return scales;
}

at::Tensor DropPath(const at::Tensor& branch, const at::Tensor& scales) {
  if (!scales.defined()) return branch;
  std::vector<int64_t> sizes(branch.dim(), 1);
  sizes[0] = branch.size(0);
  return branch * scales.view(sizes);
}

}  // namespace grouppose::nn
