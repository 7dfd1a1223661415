// Shapes without data: what FakeTensor and torch.compile ask. Sizes may be symbols.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

namespace ops {
namespace {

using at::Tensor;

void CheckSizes(const Tensor& qkv, int64_t heads, int64_t along) {
  TORCH_CHECK(qkv.dim() == 4 && heads > 0 && (along == 1 || along == 2), "group_attention: qkv has ", qkv.dim(),
              " dimensions, heads is ", heads, " and along ", along, ", expected 4, at least 1, and 1 or 2");
}

Tensor ForwardOnMeta(const Tensor& qkv, int64_t heads, int64_t along) {
  CheckSizes(qkv, heads, along);
  return at::empty_symint({qkv.sym_size(0), qkv.sym_size(1), qkv.sym_size(2), qkv.sym_size(3) / 3}, qkv.options());
}

Tensor BackwardOnMeta(const Tensor& grad_output, const Tensor& qkv, int64_t heads, int64_t along) {
  CheckSizes(qkv, heads, along);
  return at::empty_symint(qkv.sym_sizes(), qkv.options());
}

}  // namespace

TORCH_LIBRARY_IMPL(grouppose, Meta, library) {
  library.impl("group_attention", ForwardOnMeta);
  library.impl("group_attention_backward", BackwardOnMeta);
}

}  // namespace ops
