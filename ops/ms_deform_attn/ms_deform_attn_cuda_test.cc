// The operator on a GPU, against itself on the CPU. ms_deform_attn_test.cc has the official results on a GPU.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grouppose/testing/fixtures.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"
#include "ops/testing/cuda_device.h"

namespace ops {
namespace {

using at::Tensor;
using grouppose::testing::Near;
using grouppose::testing::RecipeTensor;
using ::testing::HasSubstr;

struct Inputs {
  Tensor value, spatial_shapes, level_start_index, locations, weights, grad_output;

  Inputs To(at::Device device, at::ScalarType value_type) const {
    const at::ScalarType real = value_type == at::kDouble ? at::kDouble : at::kFloat;
    return {value.to(device, value_type), spatial_shapes,           level_start_index,
            locations.to(device, real),   weights.to(device, real), grad_output.to(device, value_type)};
  }
};

// Locations reach beyond the borders. A few more groups than a block has threads.
Inputs MakeInputs(int64_t channels) {
  Inputs inputs;
  inputs.value = RecipeTensor("value", {2, 26, 3, channels}, 1);
  inputs.spatial_shapes = at::tensor(std::vector<int64_t>{4, 5, 2, 3}, at::kLong).view({2, 2});
  inputs.level_start_index = at::tensor(std::vector<int64_t>{0, 20}, at::kLong);
  inputs.locations = RecipeTensor("locations", {2, 51, 3, 2, 4, 2}, 1, 0.5, 0.75);
  inputs.weights = RecipeTensor("weights", {2, 51, 3, 2, 4}, 1, 0.25, 0.5);
  inputs.grad_output = RecipeTensor("grad", {2, 51, 3 * channels}, 1);
  return inputs;
}

struct Results {
  Tensor output, grad_value, grad_locations, grad_weights;
};

Results Evaluate(const Inputs& inputs) {
  const auto leaf = [](const Tensor& tensor) { return tensor.detach().clone().set_requires_grad(true); };
  const Tensor value = leaf(inputs.value), locations = leaf(inputs.locations), weights = leaf(inputs.weights);
  const Tensor output = MsDeformAttn(value, inputs.spatial_shapes, inputs.level_start_index, locations, weights);
  output.backward(inputs.grad_output);
  return {output.detach(), value.grad(), locations.grad(), weights.grad()};
}

TEST(MsDeformAttnCudaRegistrationTest, ABuildWithCudaHasTheKernels) {
  for (const char* name : {"grouppose::ms_deform_attn", "grouppose::ms_deform_attn_backward",
                           "grouppose::ms_deform_attn_fused", "grouppose::ms_deform_attn_fused_backward"}) {
    const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
    EXPECT_EQ(op.hasKernelForDispatchKey(c10::DispatchKey::CUDA), at::Context::hasCUDART()) << name;
    EXPECT_TRUE(op.hasKernelForDispatchKey(c10::DispatchKey::CPU)) << name;
  }
}

class MsDeformAttnCudaTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_CUDA_DEVICE(); }
};

// `tolerance` of what has the type of the values, relative to the largest element; floats get a few roundings of sums.
void ExpectEqualToCpu(int64_t channels, at::ScalarType type, double tolerance) {
  SCOPED_TRACE(std::to_string(channels) + " channels of " + at::toString(type));
  const Inputs stored = MakeInputs(channels).To(at::kCPU, type);
  const Results found = Evaluate(stored.To(at::kCUDA, type)), wanted = Evaluate(stored.To(at::kCPU, at::kDouble));
  const auto expect = [](const Tensor& a, const Tensor& b, double relative) {
    EXPECT_TRUE(Near(a.cpu().to(at::kDouble), b, relative * b.abs().max().item<double>()));
  };
  const double of_sums = type == at::kDouble ? tolerance : 1e-5;
  expect(found.output, wanted.output, tolerance);
  expect(found.grad_value, wanted.grad_value, tolerance);
  expect(found.grad_locations, wanted.grad_locations, of_sums);
  expect(found.grad_weights, wanted.grad_weights, of_sums);
}

TEST_F(MsDeformAttnCudaTest, EqualsTheCpuInEveryType) {
  for (int64_t channels : {1, 7, 8, 30, 32, 64, 71, 1025}) {
    ExpectEqualToCpu(channels, at::kDouble, 1e-12);
    ExpectEqualToCpu(channels, at::kFloat, 1e-5);
    ExpectEqualToCpu(channels, at::kHalf, 0x1p-10);
    ExpectEqualToCpu(channels, at::kBFloat16, 0x1p-7);
  }
}

// A value that begins at an odd element cannot be loaded 16 bytes at a time.
TEST_F(MsDeformAttnCudaTest, MisalignedValuesGiveTheSameResult) {
  const Inputs inputs = MakeInputs(32).To(at::kCUDA, at::kFloat);
  Inputs moved = inputs;
  moved.value =
      at::cat({at::zeros({1}, inputs.value.options()), inputs.value.flatten()}).slice(0, 1).view_as(inputs.value);
  ASSERT_TRUE(moved.value.is_contiguous());
  const auto call = [](const Inputs& in) {
    return MsDeformAttn(in.value, in.spatial_shapes, in.level_start_index, in.locations, in.weights);
  };
  EXPECT_TRUE(Near(call(moved).cpu(), call(inputs).cpu(), 1e-6));
}

TEST_F(MsDeformAttnCudaTest, ShapesMayLieOnTheDevice) {
  const Inputs inputs = MakeInputs(32).To(at::kCUDA, at::kFloat);
  Inputs on_device = inputs;
  on_device.spatial_shapes = inputs.spatial_shapes.to(at::kCUDA);
  on_device.level_start_index = inputs.level_start_index.to(at::kCUDA);
  EXPECT_TRUE(at::equal(Evaluate(on_device).output, Evaluate(inputs).output));
}

TEST_F(MsDeformAttnCudaTest, ForwardAndPointGradientsHaveTheSameBitsOnEveryRun) {
  const Inputs inputs = MakeInputs(32).To(at::kCUDA, at::kFloat);
  const Results first = Evaluate(inputs), second = Evaluate(inputs);
  EXPECT_TRUE(at::equal(first.output, second.output));
  EXPECT_TRUE(at::equal(first.grad_locations, second.grad_locations));
  EXPECT_TRUE(at::equal(first.grad_weights, second.grad_weights));
}

TEST_F(MsDeformAttnCudaTest, AllGradientsHaveTheSameBitsWhereTorchMustBeDeterministic) {
  const Inputs inputs = MakeInputs(32).To(at::kCUDA, at::kFloat);
  const Results atomic = Evaluate(inputs);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  const Results first = Evaluate(inputs), second = Evaluate(inputs);
  at::globalContext().setDeterministicAlgorithms(false, /*warn_only=*/false);
  EXPECT_TRUE(at::equal(first.grad_value, second.grad_value));
  EXPECT_TRUE(Near(first.grad_value.cpu(), atomic.grad_value.cpu(), 1e-5));
}

TEST_F(MsDeformAttnCudaTest, NoQueriesAndNoImages) {
  Inputs inputs = MakeInputs(4).To(at::kCUDA, at::kFloat);
  inputs.locations = inputs.locations.slice(1, 0, 0);
  inputs.weights = inputs.weights.slice(1, 0, 0);
  inputs.grad_output = inputs.grad_output.slice(1, 0, 0);
  const Results no_queries = Evaluate(inputs);
  EXPECT_EQ(no_queries.output.sizes(), (at::IntArrayRef{2, 0, 12}));
  EXPECT_EQ(no_queries.grad_value.abs().max().item<float>(), 0);
}

TEST_F(MsDeformAttnCudaTest, TensorsOfTwoDevicesAreRefused) {
  const Inputs inputs = MakeInputs(4).To(at::kCUDA, at::kFloat);
  try {
    MsDeformAttn(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations.cpu(), inputs.weights);
    ADD_FAILURE() << "not refused";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(), HasSubstr("sampling_locations on cpu"));
  }
}

}  // namespace
}  // namespace ops
