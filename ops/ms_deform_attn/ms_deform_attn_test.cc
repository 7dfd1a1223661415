#include "ops/ms_deform_attn/ms_deform_attn.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "grouppose/testing/fixtures.h"
#include "ops/ms_deform_attn/grid_sampler_composition.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/testing/cuda_device.h"

namespace ops {
namespace {

using at::Tensor;
using grouppose::testing::Fixture;
using grouppose::testing::Near;
using grouppose::testing::RecipeTensor;
using ::testing::HasSubstr;

struct Inputs {
  Tensor value, spatial_shapes, level_start_index, locations, weights, grad_output;
};

struct Results {
  Tensor output, grad_value, grad_locations, grad_weights;
};

Tensor Integers(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

// Random inputs; the locations reach beyond the borders.
Inputs MakeInputs(int64_t batch, int64_t heads, int64_t channels, const std::vector<int64_t>& shapes, int64_t queries,
                  int64_t points, at::ScalarType type) {
  const int64_t levels = static_cast<int64_t>(shapes.size()) / 2;
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t level = 0; level < levels; ++level) {
    starts.push_back(size);
    size += shapes[2 * level] * shapes[2 * level + 1];
  }
  Inputs inputs;
  inputs.value = RecipeTensor("value", {batch, size, heads, channels}, 1).to(type);
  inputs.spatial_shapes = Integers(shapes).view({levels, 2});
  inputs.level_start_index = Integers(starts);
  inputs.locations = RecipeTensor("locations", {batch, queries, heads, levels, points, 2}, 1, 0.5, 0.75).to(type);
  inputs.weights = RecipeTensor("weights", {batch, queries, heads, levels, points}, 1, 0.25, 0.5).to(type);
  inputs.grad_output = RecipeTensor("grad", {batch, queries, heads * channels}, 1).to(type);
  return inputs;
}

// Output and gradients of some implementation.
template <typename Operator>
Results Evaluate(const Inputs& inputs, Operator op) {
  const auto leaf = [](const Tensor& tensor) { return tensor.detach().clone().set_requires_grad(true); };
  const Tensor value = leaf(inputs.value), locations = leaf(inputs.locations), weights = leaf(inputs.weights);
  const Tensor output = op(value, inputs.spatial_shapes, inputs.level_start_index, locations, weights);
  output.backward(inputs.grad_output);
  return {output.detach(), value.grad(), locations.grad(), weights.grad()};
}

Results Evaluate(const Inputs& inputs) { return Evaluate(inputs, MsDeformAttn); }

// Elementwise |found - wanted| <= absolute + relative * |wanted|.
void ExpectClose(const Tensor& found, const Tensor& wanted, double relative, double absolute) {
  const Tensor excess = (found - wanted).abs() - relative * wanted.abs();
  EXPECT_TRUE(Near(excess.clamp_min(0), at::zeros_like(excess), absolute)) << Near(found, wanted, 0).message();
}

TEST(MsDeformAttnTest, EqualsTheGridSamplerComposition) {
  for (int64_t channels : {1, 8, 11, 32}) {
    const Inputs inputs = MakeInputs(2, 3, channels, {6, 7, 3, 4, 1, 2}, 13, 4, at::kDouble);
    const Results found = Evaluate(inputs), wanted = Evaluate(inputs, GridSamplerComposition);
    ExpectClose(found.output, wanted.output, 1e-12, 1e-13);
    ExpectClose(found.grad_value, wanted.grad_value, 1e-12, 1e-13);
    ExpectClose(found.grad_locations, wanted.grad_locations, 1e-12, 1e-12);
    ExpectClose(found.grad_weights, wanted.grad_weights, 1e-12, 1e-13);
  }
}

// d loss / d input[i] by central differences, where loss = sum(output * grad_output). The loss is piecewise polynomial
// of degree one in every single input, so the differences are exact but for rounding while no point changes its cell.
Tensor NumericalGradient(const Inputs& inputs, Tensor Inputs::*which) {
  constexpr double kStep = 1e-6;
  const auto loss = [](const Inputs& at_inputs) {
    const Tensor output = MsDeformAttn(at_inputs.value, at_inputs.spatial_shapes, at_inputs.level_start_index,
                                       at_inputs.locations, at_inputs.weights);
    return (output * at_inputs.grad_output).sum().item<double>();
  };
  Inputs moved = inputs;
  moved.*which = (inputs.*which).clone();
  Tensor gradient = at::zeros_like(inputs.*which);
  double* element = (moved.*which).mutable_data_ptr<double>();
  for (int64_t i = 0; i < gradient.numel(); ++i) {
    const double before = element[i];
    element[i] = before + kStep;
    const double above = loss(moved);
    element[i] = before - kStep;
    const double below = loss(moved);
    element[i] = before;
    gradient.mutable_data_ptr<double>()[i] = (above - below) / (2 * kStep);
  }
  return gradient;
}

TEST(MsDeformAttnTest, GradientsEqualFiniteDifferences) {
  const Inputs inputs = MakeInputs(2, 2, 5, {4, 5, 2, 3}, 3, 3, at::kDouble);
  const Results results = Evaluate(inputs);
  // rounding of a loss of order 10 over the step
  constexpr double kTolerance = 1e-8;
  EXPECT_TRUE(Near(results.grad_value, NumericalGradient(inputs, &Inputs::value), kTolerance));
  EXPECT_TRUE(Near(results.grad_locations, NumericalGradient(inputs, &Inputs::locations), kTolerance));
  EXPECT_TRUE(Near(results.grad_weights, NumericalGradient(inputs, &Inputs::weights), kTolerance));
}

TEST(MsDeformAttnTest, TheBitsDoNotDependOnTheNumberOfThreads) {
  const int threads_before = at::get_num_threads();
  const Inputs inputs = MakeInputs(3, 3, 20, {20, 24, 10, 12, 5, 6}, 400, 4, at::kFloat);
  at::set_num_threads(1);
  const Results one = Evaluate(inputs);
  for (int threads : {2, 3}) {
    at::set_num_threads(threads);
    const Results several = Evaluate(inputs);
    EXPECT_TRUE(at::equal(one.output, several.output)) << threads;
    EXPECT_TRUE(at::equal(one.grad_value, several.grad_value)) << threads;
    EXPECT_TRUE(at::equal(one.grad_locations, several.grad_locations)) << threads;
    EXPECT_TRUE(at::equal(one.grad_weights, several.grad_weights)) << threads;
  }
  at::set_num_threads(threads_before);
}

Inputs FromFixture(const Fixture& fixture, at::ScalarType type) {
  return {fixture.Get("value").to(type),
          fixture.Get("spatial_shapes"),
          fixture.Get("level_start_index"),
          fixture.Get("sampling_locations").to(type),
          fixture.Get("attention_weights").to(type),
          fixture.Get("grad_output").to(type)};
}

// The expected gradient of the locations; where the official implementations differ, theirs that is nearer to ours.
Tensor ExpectedGradLocations(const Fixture& fixture, const Tensor& found) {
  const Tensor expected = fixture.Get("grad_sampling_locations").to(at::kDouble);
  if (!fixture.Has("differs_from_cuda_kernel")) return expected;
  const Tensor other = fixture.Get("grad_sampling_locations_cuda_kernel").to(at::kDouble);
  const Tensor may_differ = fixture.Get("differs_from_cuda_kernel").to(at::kBool).unsqueeze(-1);
  const Tensor nearer = (found - other).abs() < (found - expected).abs();
  return at::where(may_differ.logical_and(nearer), other, expected);
}

// What the CUDA kernels compute, run on the CPU.
template <typename T>
Results EvaluateEmulated(const Inputs& inputs) {
  MsDeformAttnSizes sizes;
  sizes.batch = inputs.value.size(0);
  sizes.size = inputs.value.size(1);
  sizes.heads = inputs.value.size(2);
  sizes.channels = inputs.value.size(3);
  sizes.queries = inputs.weights.size(1);
  sizes.levels = inputs.weights.size(3);
  sizes.points = inputs.weights.size(4);
  sizes.spatial_shapes = inputs.spatial_shapes.const_data_ptr<int64_t>();
  // wide loads want aligned memory, as torch allocates it; tensors of a mapped file lie where the file has them
  const Tensor value = inputs.value.clone(), grad_output = inputs.grad_output.clone();
  Results results = {at::zeros_like(grad_output), at::zeros_like(value), at::zeros_like(inputs.locations),
                     at::zeros_like(inputs.weights)};
  const MsDeformAttnInputs<T> pointers = {value.const_data_ptr<T>(), inputs.locations.const_data_ptr<T>(),
                                          inputs.weights.const_data_ptr<T>()};
  EXPECT_EQ(LaunchMsDeformAttnForward<T>(sizes, pointers, results.output.mutable_data_ptr<T>(), nullptr), cudaSuccess);
  EXPECT_EQ(LaunchMsDeformAttnBackward<T>(
                sizes, pointers, grad_output.const_data_ptr<T>(),
                {results.grad_value.mutable_data_ptr<T>(), results.grad_locations.mutable_data_ptr<T>(),
                 results.grad_weights.mutable_data_ptr<T>()},
                /*workspace=*/nullptr, /*stream=*/nullptr),
            cudaSuccess);
  return results;
}

enum class Where { kCpu, kEmulated, kCuda };

Results Evaluate(const Inputs& inputs, Where where) {
  if (where == Where::kCpu) return Evaluate(inputs);
  if (where == Where::kEmulated) {
    return inputs.value.scalar_type() == at::kFloat ? EvaluateEmulated<float>(inputs)
                                                    : EvaluateEmulated<double>(inputs);
  }
  const Results on_device =
      Evaluate({inputs.value.to(at::kCUDA), inputs.spatial_shapes, inputs.level_start_index,
                inputs.locations.to(at::kCUDA), inputs.weights.to(at::kCUDA), inputs.grad_output.to(at::kCUDA)});
  return {on_device.output.cpu(), on_device.grad_value.cpu(), on_device.grad_locations.cpu(),
          on_device.grad_weights.cpu()};
}

class MsDeformAttnFixtureTest : public ::testing::TestWithParam<std::tuple<Where, const char*>> {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_TEST_DATA();
    if (where() == Where::kCuda) SKIP_WITHOUT_CUDA_DEVICE();
  }
  static Where where() { return std::get<0>(GetParam()); }
  static std::string name() { return std::get<1>(GetParam()); }
};

TEST_P(MsDeformAttnFixtureTest, DoubleEqualsTheOfficialResults) {
  const Fixture fixture(name());
  const Results results = Evaluate(FromFixture(fixture, at::kDouble), where());
  // some expected values are stored rounded to float
  const bool is_rounded = fixture.Get("output").scalar_type() == at::kFloat;
  const double relative = fixture.Number("tol_f64/rtol") + (is_rounded ? 0x1p-24 : 0);
  const double absolute = fixture.Number("tol_f64/atol");
  ExpectClose(results.output, fixture.Get("output").to(at::kDouble), relative, absolute);
  ExpectClose(results.grad_value, fixture.Get("grad_value").to(at::kDouble), relative, absolute);
  ExpectClose(results.grad_locations, ExpectedGradLocations(fixture, results.grad_locations), relative, absolute);
  ExpectClose(results.grad_weights, fixture.Get("grad_attention_weights").to(at::kDouble), relative, absolute);
}

TEST_P(MsDeformAttnFixtureTest, FloatEqualsTheOfficialResults) {
  const Fixture fixture(name());
  const Results results = Evaluate(FromFixture(fixture, at::kFloat), where());
  EXPECT_TRUE(Near(results.output, fixture.Get("output"), fixture.Number("tol_f32/output")));
  EXPECT_TRUE(Near(results.grad_value, fixture.Get("grad_value"), fixture.Number("tol_f32/grad_value")));
  EXPECT_TRUE(Near(results.grad_locations, ExpectedGradLocations(fixture, results.grad_locations.to(at::kDouble)),
                   fixture.Number("tol_f32/grad_loc")));
  EXPECT_TRUE(Near(results.grad_weights, fixture.Get("grad_attention_weights"), fixture.Number("tol_f32/grad_aw")));
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Where, const char*>>& info) {
  constexpr const char* kNames[] = {"Cpu", "Emulated", "Cuda"};
  return std::string(kNames[static_cast<int>(std::get<0>(info.param))]) + "_" + std::get<1>(info.param);
}

INSTANTIATE_TEST_SUITE_P(Official, MsDeformAttnFixtureTest,
                         ::testing::Combine(::testing::Values(Where::kCpu, Where::kEmulated, Where::kCuda),
                                            ::testing::Values("ops_msda_D30", "ops_msda_D32", "ops_msda_D64",
                                                              "ops_msda_D71", "ops_msda_D1025", "ops_msda_borders",
                                                              "ops_msda_outofrange", "ops_msda_decoder",
                                                              "ops_msda_encoder_160x216")),
                         NameOf);

TEST(MsDeformAttnTest, OtherStridesGiveTheSameResult) {
  const Inputs inputs = MakeInputs(2, 3, 4, {4, 5, 2, 3}, 6, 2, at::kFloat);
  const auto reversed = [](const Tensor& tensor) {
    std::vector<int64_t> dims;
    for (int64_t i = tensor.dim(); i-- > 0;) dims.push_back(i);
    return tensor.permute(dims).contiguous().permute(dims);
  };
  Inputs strided = inputs;
  for (Tensor Inputs::*member :
       {&Inputs::value, &Inputs::spatial_shapes, &Inputs::locations, &Inputs::weights, &Inputs::grad_output}) {
    strided.*member = reversed(inputs.*member);
    ASSERT_FALSE((strided.*member).is_contiguous());
  }
  const Results found = Evaluate(strided), wanted = Evaluate(inputs);
  EXPECT_TRUE(at::equal(found.output, wanted.output));
  EXPECT_TRUE(at::equal(found.grad_value, wanted.grad_value));
  EXPECT_TRUE(at::equal(found.grad_locations, wanted.grad_locations));
  EXPECT_TRUE(at::equal(found.grad_weights, wanted.grad_weights));
}

TEST(MsDeformAttnTest, NoQueriesAndNoImages) {
  const Results no_queries = Evaluate(MakeInputs(2, 3, 4, {4, 5}, 0, 2, at::kFloat));
  EXPECT_EQ(no_queries.output.sizes(), (at::IntArrayRef{2, 0, 12}));
  EXPECT_TRUE(Near(no_queries.grad_value, at::zeros({2, 20, 3, 4}), 0));
  const Results no_images = Evaluate(MakeInputs(0, 3, 4, {4, 5}, 6, 2, at::kFloat));
  EXPECT_EQ(no_images.output.sizes(), (at::IntArrayRef{0, 6, 12}));
  EXPECT_EQ(no_images.grad_value.sizes(), (at::IntArrayRef{0, 20, 3, 4}));
}

TEST(MsDeformAttnTest, OnlyTheWantedGradientsAreGiven) {
  const Inputs inputs = MakeInputs(1, 1, 4, {4, 5}, 6, 2, at::kFloat);
  const Tensor value = inputs.value.clone().set_requires_grad(true);
  const Tensor output =
      MsDeformAttn(value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights);
  output.backward(inputs.grad_output);
  EXPECT_TRUE(at::equal(value.grad(), Evaluate(inputs).grad_value));
  EXPECT_FALSE(inputs.locations.grad().defined());
  const Tensor plain =
      MsDeformAttn(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights);
  EXPECT_FALSE(plain.requires_grad());
}

TEST(MsDeformAttnTest, ASecondDerivativeIsRefused) {
  const Inputs inputs = MakeInputs(1, 1, 4, {4, 5}, 6, 2, at::kDouble);
  const Tensor value = inputs.value.clone().set_requires_grad(true);
  const Tensor output =
      MsDeformAttn(value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights);
  EXPECT_THROW(output.backward(inputs.grad_output, std::nullopt, /*create_graph=*/true), c10::Error);
}

TEST(MsDeformAttnTest, WorksInFloatUnderAutocast) {
  const Inputs inputs = MakeInputs(1, 2, 4, {4, 5}, 6, 2, at::kFloat);
  const Tensor rounded = inputs.value.to(at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const Tensor output =
      MsDeformAttn(rounded, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  const Tensor expected = MsDeformAttn(rounded.to(at::kFloat), inputs.spatial_shapes, inputs.level_start_index,
                                       inputs.locations, inputs.weights);
  EXPECT_EQ(output.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(output, expected));
}

// Calls the operator with one input replaced; the message must have all of the texts.
void ExpectRefused(Tensor Inputs::*which, const Tensor& replacement, const std::vector<std::string>& texts) {
  Inputs inputs = MakeInputs(2, 3, 4, {4, 5, 2, 3}, 6, 2, at::kFloat);
  inputs.*which = replacement;
  try {
    MsDeformAttn(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights);
    ADD_FAILURE() << "not refused, expected " << texts[0];
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    EXPECT_THAT(message, HasSubstr("ms_deform_attn: "));
    for (const std::string& text : texts) EXPECT_THAT(message, HasSubstr(text));
  }
}

TEST(MsDeformAttnTest, WrongShapesAreRefusedWithBothInTheText) {
  ExpectRefused(&Inputs::value, at::zeros({2, 26, 12}), {"value is [2, 26, 12]", "[batch, size, heads, channels]"});
  ExpectRefused(&Inputs::value, at::zeros({2, 27, 3, 4}), {"[2, 27, 3, 4]", "27 pixels", "26 pixels"});
  ExpectRefused(&Inputs::value, at::zeros({1, 26, 3, 4}),
                {"attention_weights is [2, 6, 3, 2, 2]", "expected [1, 6, 3, 2, 2]"});
  ExpectRefused(&Inputs::value, at::zeros({2, 26, 2, 4}),
                {"attention_weights is [2, 6, 3, 2, 2]", "expected [2, 6, 2, 2, 2]"});
  ExpectRefused(&Inputs::value, at::zeros({2, 26, 3, 0}), {"[2, 26, 3, 0]", "at least 1"});
  ExpectRefused(&Inputs::spatial_shapes, Integers({4, 5, 2, 3}), {"spatial_shapes is [4]", "[levels, 2]"});
  ExpectRefused(&Inputs::spatial_shapes, Integers({26, 1}).view({1, 2}), {"level_start_index is [2]", "expected [1]"});
  ExpectRefused(&Inputs::spatial_shapes, at::zeros({0, 2}, at::kLong), {"spatial_shapes is [0, 2]", "[levels, 2]"});
  ExpectRefused(&Inputs::level_start_index, Integers({0, 20, 26}), {"level_start_index is [3]", "expected [2]"});
  ExpectRefused(&Inputs::weights, at::zeros({2, 6, 3, 2}), {"attention_weights is [2, 6, 3, 2]", "levels, points]"});
  ExpectRefused(&Inputs::weights, at::zeros({2, 6, 3, 1, 2}),
                {"attention_weights is [2, 6, 3, 1, 2]", "expected [2, 6, 3, 2, 2]"});
  ExpectRefused(&Inputs::weights, at::zeros({2, 7, 3, 2, 2}),
                {"sampling_locations is [2, 6, 3, 2, 2, 2]", "expected [2, 7, 3, 2, 2, 2]"});
  ExpectRefused(&Inputs::locations, at::zeros({2, 6, 3, 2, 2, 4}),
                {"sampling_locations is [2, 6, 3, 2, 2, 4]", "expected [2, 6, 3, 2, 2, 2]"});
}

TEST(MsDeformAttnTest, WrongLevelsAndTypesAreRefused) {
  ExpectRefused(&Inputs::spatial_shapes, Integers({4, 5, 0, 3}).view({2, 2}), {"level 1 is 0 x 3", "at least 1 x 1"});
  ExpectRefused(&Inputs::spatial_shapes, Integers({-4, -5, 2, 3}).view({2, 2}), {"level 0 is -4 x -5"});
  ExpectRefused(&Inputs::spatial_shapes, Integers({5, 4, 3, 3}).view({2, 2}), {"26 pixels", "29 pixels"});
  ExpectRefused(&Inputs::spatial_shapes, Integers({int64_t{1} << 40, int64_t{1} << 40, 2, 3}).view({2, 2}),
                {"level 0 is 1099511627776 x 1099511627776", "[2, 26, 3, 4]"});
  ExpectRefused(&Inputs::level_start_index, Integers({0, 19}), {"level 1 is 19", "expected 20"});
  ExpectRefused(&Inputs::level_start_index, Integers({1, 20}), {"level 0 is 1", "expected 0"});
  ExpectRefused(&Inputs::value, at::zeros({2, 26, 3, 4}, at::kInt), {"value is Int", "expected Float, Double, Half"});
  ExpectRefused(&Inputs::value, at::zeros({2, 26, 3, 4}, at::kDouble), {"is Float", "expected Double"});
  ExpectRefused(&Inputs::weights, at::zeros({2, 6, 3, 2, 2}, at::kDouble), {"attention_weights is Double", "Float"});
  ExpectRefused(&Inputs::level_start_index, at::zeros({2}, at::kInt), {"level_start_index Int", "expected Long"});
}

}  // namespace
}  // namespace ops
