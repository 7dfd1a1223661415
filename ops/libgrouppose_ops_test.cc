// The shared library alone brings the operators into a program that links only LibTorch, as a Python interpreter does.
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace ops {
namespace {

TEST(LibgroupposeOpsTest, LoadingItRegistersTheOperators) {
  auto& dispatcher = c10::Dispatcher::singleton();
  ASSERT_FALSE(dispatcher.findSchema({"grouppose::ms_deform_attn", ""}).has_value());
  ASSERT_NE(dlopen("ops/libgrouppose_ops.so", RTLD_NOW), nullptr) << dlerror();
  const auto op = dispatcher.findSchemaOrThrow("grouppose::ms_deform_attn", "")
                      .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                        const at::Tensor&)>();
  const at::Tensor value = at::full({1, 6, 2, 3}, 2.0).set_requires_grad(true);
  const at::Tensor shapes = at::full({1, 2}, 2, at::kLong);
  shapes.mutable_data_ptr<int64_t>()[1] = 3;
  // four points in the middle of a level of twos, each with weight one
  const at::Tensor output =
      op.call(value, shapes, at::zeros({1}, at::kLong), at::full({1, 5, 2, 1, 4, 2}, 0.5), at::ones({1, 5, 2, 1, 4}));
  EXPECT_EQ(output.sizes(), (at::IntArrayRef{1, 5, 6}));
  EXPECT_EQ(output.min().item<float>(), 8.0f);
  EXPECT_EQ(output.max().item<float>(), 8.0f);
  output.sum().backward();
  EXPECT_EQ(value.grad().sum().item<float>(), 5.0f * 2 * 4 * 3);
}

}  // namespace
}  // namespace ops
