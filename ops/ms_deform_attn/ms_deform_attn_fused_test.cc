// The fused entry against the same computation composed of torch's operators and the plain entry.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "grouppose/testing/fixtures.h"
#include "ops/ms_deform_attn/grid_sampler_composition.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"

namespace ops {
namespace {

using at::Tensor;
using grouppose::testing::Fixture;
using grouppose::testing::Near;
using grouppose::testing::RecipeTensor;
using ::testing::HasSubstr;

constexpr int64_t kBatch = 2, kHeads = 3, kQueries = 13, kPoints = 4;

struct Inputs {
  Tensor value, spatial_shapes, level_start_index, reference_points, offsets, logits, grad_output;
};

// Points around the middle of three levels; some lie outside.
Inputs MakeInputs(int64_t channels, at::IntArrayRef reference_sizes, at::ScalarType type) {
  Inputs inputs;
  inputs.value = RecipeTensor("value", {kBatch, 56, kHeads, channels}, 1).to(type);
  inputs.spatial_shapes = at::tensor({6, 7, 3, 4, 1, 2}, at::kLong).view({3, 2});
  inputs.level_start_index = at::tensor({0, 42, 54}, at::kLong);
  inputs.reference_points = RecipeTensor("reference", reference_sizes, 1, 0.4, 0.5).to(type);
  inputs.offsets = RecipeTensor("offsets", {kBatch, kQueries, kHeads, 3, kPoints, 2}, 1, 3).to(type);
  inputs.logits = RecipeTensor("logits", {kBatch, kQueries, kHeads, 3 * kPoints}, 1, 4).to(type);
  inputs.grad_output = RecipeTensor("grad", {kBatch, kQueries, kHeads * channels}, 1).to(type);
  return inputs;
}

// What the fused entry is defined as.
Tensor Composition(const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
                   const Tensor& reference_points, const Tensor& offsets, const Tensor& logits) {
  const Tensor reference = reference_points.unsqueeze(2).unsqueeze(4);
  const Tensor scale = reference.size(-1) == 4 ? reference.narrow(-1, 2, 2) * (0.5 / static_cast<double>(kPoints))
                                               : 1 / spatial_shapes.flip(1).to(value.scalar_type()).unsqueeze(1);
  const Tensor weights = at::softmax(logits.flatten(3), -1).view(offsets.sizes().slice(0, 5));
  return GridSamplerComposition(value, spatial_shapes, level_start_index, reference.narrow(-1, 0, 2) + offsets * scale,
                                weights);
}

// Output and gradients of value, reference points, offsets and logits.
template <typename Operator>
std::vector<Tensor> Evaluate(const Inputs& inputs, Operator op) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : {inputs.value, inputs.reference_points, inputs.offsets, inputs.logits}) {
    leaves.push_back(input.detach().clone().set_requires_grad(true));
  }
  const Tensor output = op(leaves[0], inputs.spatial_shapes, inputs.level_start_index, leaves[1], leaves[2], leaves[3]);
  output.backward(inputs.grad_output);
  std::vector<Tensor> results = {output.detach()};
  for (const Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

const std::vector<std::vector<int64_t>>& ReferenceSizes() {
  static const auto* sizes = new std::vector<std::vector<int64_t>>{
      {kBatch, kQueries, 3, 2}, {1, kQueries, 3, 2}, {kBatch, kQueries, 1, 2}, {1, kQueries, 1, 2},
      {kBatch, kQueries, 3, 4}, {1, kQueries, 3, 4}, {kBatch, kQueries, 1, 4}, {1, kQueries, 1, 4}};
  return *sizes;
}

TEST(MsDeformAttnFusedTest, EqualsTheComposition) {
  const std::vector<std::string> names = {"output", "grad_value", "grad_reference", "grad_offsets", "grad_logits"};
  for (int64_t channels : {1, 8, 11, 32}) {
    for (const std::vector<int64_t>& sizes : ReferenceSizes()) {
      const Inputs inputs = MakeInputs(channels, sizes, at::kDouble);
      const std::vector<Tensor> found = Evaluate(inputs, MsDeformAttnFused), wanted = Evaluate(inputs, Composition);
      for (size_t i = 0; i < found.size(); ++i) {
        const double largest = wanted[i].abs().max().item<double>();
        EXPECT_TRUE(Near(found[i], wanted[i], 1e-13 * largest))
            << names[i] << ", " << channels << " channels, reference points " << at::IntArrayRef(sizes);
      }
    }
  }
}

// Equal to the plain entry at locations and weights computed outside: points of a level may fill no whole vector.
TEST(MsDeformAttnFusedTest, EveryNumberOfLevelsAndPoints) {
  for (int64_t levels = 1; levels <= 5; ++levels) {
    for (int64_t points = 1; points <= 8; ++points) {
      const Tensor shapes = at::full({levels, 2}, 4, at::kLong);
      const Tensor starts = at::full({levels}, 16, at::kLong).cumsum(0) - 16;
      const Tensor value = RecipeTensor("value", {2, 16 * levels, 2, 5}, 1).to(at::kDouble),
                   reference = RecipeTensor("reference", {2, 3, levels, 2}, 1, 0.4, 0.5).to(at::kDouble),
                   offsets = RecipeTensor("offsets", {2, 3, 2, levels, points, 2}, 1, 2).to(at::kDouble),
                   logits = RecipeTensor("logits", {2, 3, 2, levels * points}, 1, 4).to(at::kDouble);
      const Tensor locations = reference.unsqueeze(2).unsqueeze(4) + offsets / 4;
      const Tensor weights = at::softmax(logits, -1).view({2, 3, 2, levels, points});
      EXPECT_TRUE(Near(MsDeformAttnFused(value, shapes, starts, reference, offsets, logits),
                       MsDeformAttn(value, shapes, starts, locations, weights), 1e-13))
          << levels << " levels, " << points << " points";
    }
  }
}

TEST(MsDeformAttnFusedTest, OnlyTheWantedGradientsAreGiven) {
  const Inputs inputs = MakeInputs(5, {1, kQueries, 3, 2}, at::kFloat);
  const std::vector<Tensor> all = Evaluate(inputs, MsDeformAttnFused);
  const Tensor value = inputs.value.clone().set_requires_grad(true);
  MsDeformAttnFused(value, inputs.spatial_shapes, inputs.level_start_index, inputs.reference_points, inputs.offsets,
                    inputs.logits)
      .backward(inputs.grad_output);
  EXPECT_TRUE(Near(value.grad(), all[1], 0));
  EXPECT_FALSE(inputs.reference_points.grad().defined());
  EXPECT_FALSE(inputs.offsets.grad().defined());
}

// d loss / d input[i] by central differences, where loss = sum(output * grad_output).
Tensor NumericalGradient(const Inputs& inputs, Tensor Inputs::*which) {
  constexpr double kStep = 1e-6;
  const auto loss = [](const Inputs& at_inputs) {
    const Tensor output = MsDeformAttnFused(at_inputs.value, at_inputs.spatial_shapes, at_inputs.level_start_index,
                                            at_inputs.reference_points, at_inputs.offsets, at_inputs.logits);
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

TEST(MsDeformAttnFusedTest, GradientsEqualFiniteDifferences) {
  for (const std::vector<int64_t>& sizes : {ReferenceSizes().front(), ReferenceSizes().back()}) {
    const Inputs inputs = MakeInputs(3, sizes, at::kDouble);
    const std::vector<Tensor> found = Evaluate(inputs, MsDeformAttnFused);
    // rounding of a loss of order 10, and the curvature of the softmax, over the step
    constexpr double kTolerance = 2e-8;
    EXPECT_TRUE(Near(found[1], NumericalGradient(inputs, &Inputs::value), kTolerance));
    EXPECT_TRUE(Near(found[2], NumericalGradient(inputs, &Inputs::reference_points), 7 * kTolerance));
    EXPECT_TRUE(Near(found[3], NumericalGradient(inputs, &Inputs::offsets), kTolerance));
    EXPECT_TRUE(Near(found[4], NumericalGradient(inputs, &Inputs::logits), kTolerance));
  }
}

class MsDeformAttnFusedFixtureTest : public ::testing::TestWithParam<const char*> {};

// The recorded locations as offsets from the left upper corner, the recorded weights as logarithms.
TEST_P(MsDeformAttnFusedFixtureTest, DoubleEqualsTheOfficialResults) {
  SKIP_WITHOUT_TEST_DATA();
  const Fixture fixture(GetParam());
  const auto get = [&fixture](const char* name) { return fixture.Get(name).to(at::kDouble); };
  const Tensor weights = get("attention_weights"), locations = get("sampling_locations");
  // softmax gives weights that sum to one; the recorded ones are divided by their sum, and so is the output
  const Tensor sum = weights.flatten(3).sum(3, /*keepdim=*/true), shapes = fixture.Get("spatial_shapes");
  const Tensor size = shapes.flip(1).to(at::kDouble).unsqueeze(1);
  if ((weights <= 0).any().item<bool>()) GTEST_SKIP() << "some recorded weights are no softmax's";
  Inputs inputs;
  inputs.value = get("value");
  inputs.spatial_shapes = shapes;
  inputs.level_start_index = fixture.Get("level_start_index");
  inputs.reference_points = at::zeros({1, weights.size(1), 1, 2}, at::kDouble);
  inputs.offsets = locations * size;
  inputs.logits = weights.flatten(3).log();
  inputs.grad_output = get("grad_output");
  const std::vector<Tensor> found = Evaluate(inputs, MsDeformAttnFused);
  const auto per_head = [&](const Tensor& output) {
    return output.view({weights.size(0), weights.size(1), weights.size(2), -1});
  };
  // some expected values are stored rounded to float; the sum of the weights adds its own rounding
  const auto expect_near = [](const Tensor& result, const Tensor& wanted) {
    EXPECT_TRUE(Near(result, wanted, 1e-6 * wanted.abs().max().item<double>()));
  };
  expect_near(per_head(found[0]) * sum, per_head(get("output")));
  if ((sum - 1).abs().max().item<double>() > 1e-6) return;
  expect_near(found[1], get("grad_value"));
  const Tensor by_weight = get("grad_attention_weights").flatten(3), probabilities = weights.flatten(3) / sum;
  expect_near(found[4], probabilities * (by_weight - (probabilities * by_weight).sum(3, /*keepdim=*/true)));
  // elsewhere a point lies on a pixel's centre, where the official implementations differ
  if (!fixture.Has("differs_from_cuda_kernel")) expect_near(found[3], get("grad_sampling_locations") / size);
}

INSTANTIATE_TEST_SUITE_P(Official, MsDeformAttnFusedFixtureTest,
                         ::testing::Values("ops_msda_D30", "ops_msda_D32", "ops_msda_D64", "ops_msda_D71",
                                           "ops_msda_D1025", "ops_msda_borders", "ops_msda_outofrange",
                                           "ops_msda_decoder", "ops_msda_encoder_160x216"));

// Values in half or bfloat16, everything else in float: the double results of the same numbers, rounded once.
TEST(MsDeformAttnFusedTest, SixteenBitsRoundOnlyWhatTheyStore) {
  for (const auto& [type, half_spacing] : {std::pair(at::kHalf, 0x1p-11), std::pair(at::kBFloat16, 0x1p-8)}) {
    for (int64_t channels : {1, 5, 16, 32, 40}) {
      Inputs inputs = MakeInputs(channels, {1, kQueries, 3, 2}, at::kFloat);
      inputs.value = inputs.value.to(type);
      inputs.grad_output = inputs.grad_output.to(type);
      Inputs exact;
      exact.spatial_shapes = inputs.spatial_shapes;
      exact.level_start_index = inputs.level_start_index;
      for (Tensor Inputs::*member :
           {&Inputs::value, &Inputs::reference_points, &Inputs::offsets, &Inputs::logits, &Inputs::grad_output}) {
        exact.*member = (inputs.*member).to(at::kDouble);
      }
      const std::vector<Tensor> found = Evaluate(inputs, MsDeformAttnFused);
      const std::vector<Tensor> wanted = Evaluate(exact, MsDeformAttnFused);
      for (size_t i = 0; i < found.size(); ++i) {
        const bool is_stored = i < 2;
        EXPECT_EQ(found[i].scalar_type(), is_stored ? type : at::kFloat);
        const Tensor allowed = wanted[i].abs() * (is_stored ? half_spacing : 0) + 2e-5 * wanted[i].abs().max();
        EXPECT_TRUE(((found[i].to(at::kDouble) - wanted[i]).abs() <= allowed).all().item<bool>())
            << type << ", result " << i << ", " << channels << " channels";
      }
    }
  }
}

TEST(MsDeformAttnFusedTest, TheBitsDoNotDependOnTheNumberOfThreads) {
  const int threads_before = at::get_num_threads();
  for (const std::vector<int64_t>& sizes : {ReferenceSizes().front(), ReferenceSizes().back()}) {
    const Inputs inputs = MakeInputs(20, sizes, at::kFloat);
    at::set_num_threads(1);
    const std::vector<Tensor> one = Evaluate(inputs, MsDeformAttnFused);
    for (int threads : {2, 3}) {
      at::set_num_threads(threads);
      const std::vector<Tensor> several = Evaluate(inputs, MsDeformAttnFused);
      for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], several[i])) << threads << ", " << i;
    }
  }
  at::set_num_threads(threads_before);
}

// Points far outside or nowhere add nothing, whatever the values are.
TEST(MsDeformAttnFusedTest, PointsOutsideContributeNothing) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (double offset : {1e3, -1e3, 1e30, kInf, -kInf, std::nan("")}) {
    Inputs inputs = MakeInputs(5, {1, kQueries, 1, 2}, at::kFloat);
    inputs.value.fill_(kInf);
    inputs.offsets.fill_(offset);
    const std::vector<Tensor> results = Evaluate(inputs, MsDeformAttnFused);
    for (const Tensor& result : results) EXPECT_TRUE(at::equal(result, at::zeros_like(result))) << offset;
  }
}

// As torch's softmax: minus infinity leaves a point out, a logit that is no number leaves nothing.
TEST(MsDeformAttnFusedTest, LogitsThatAreNotFinite) {
  Inputs inputs = MakeInputs(5, {1, kQueries, 3, 2}, at::kFloat);
  inputs.offsets.zero_();
  const auto run = [&inputs] {
    return MsDeformAttnFused(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.reference_points,
                             inputs.offsets, inputs.logits);
  };
  inputs.logits.select(3, 2).fill_(-std::numeric_limits<float>::infinity());
  const Tensor wanted = Composition(inputs.value, inputs.spatial_shapes, inputs.level_start_index,
                                    inputs.reference_points, inputs.offsets, inputs.logits);
  EXPECT_TRUE(Near(run(), wanted, 1e-5));
  inputs.logits[0][0][0][1].fill_(std::nan(""));
  const Tensor output = run().isnan();
  EXPECT_TRUE(output[0][0].slice(0, 0, 5).all().item<bool>());
  EXPECT_EQ(output.sum().item<int64_t>(), 5);
}

TEST(MsDeformAttnFusedTest, WorksInFloatUnderAutocast) {
  const Inputs inputs = MakeInputs(5, {1, kQueries, 3, 2}, at::kFloat);
  const Tensor value = inputs.value.to(at::kBFloat16), logits = inputs.logits.to(at::kBFloat16);
  const auto run = [&inputs](const Tensor& with_value, const Tensor& with_logits) {
    return MsDeformAttnFused(with_value, inputs.spatial_shapes, inputs.level_start_index, inputs.reference_points,
                             inputs.offsets, with_logits);
  };
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const Tensor output = run(value, logits);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_EQ(output.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(output, run(value.to(at::kFloat), logits.to(at::kFloat))));
}

TEST(MsDeformAttnFusedTest, NoQueriesAndASecondDerivative) {
  const Tensor value = RecipeTensor("value", {2, 20, 3, 4}, 1).set_requires_grad(true);
  const Tensor shapes = at::tensor({4, 5}, at::kLong).view({1, 2}), starts = at::tensor({0}, at::kLong);
  const auto run = [&](int64_t queries) {
    return MsDeformAttnFused(value, shapes, starts, at::zeros({2, queries, 1, 2}), at::zeros({2, queries, 3, 1, 2, 2}),
                             at::zeros({2, queries, 3, 2}));
  };
  const Tensor none = run(0);
  EXPECT_EQ(none.sizes(), (at::IntArrayRef{2, 0, 12}));
  none.backward(at::zeros({2, 0, 12}));
  EXPECT_TRUE(at::equal(value.grad(), at::zeros_like(value)));
  EXPECT_THROW(run(3).backward(at::ones({2, 3, 12}), std::nullopt, /*create_graph=*/true), c10::Error);
}

// Calls the operator with one input replaced; the message must have all of the texts.
void ExpectRefused(Tensor Inputs::*which, const Tensor& replacement, const std::vector<std::string>& texts) {
  Inputs inputs = MakeInputs(5, {1, kQueries, 3, 2}, at::kFloat);
  inputs.*which = replacement;
  try {
    MsDeformAttnFused(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.reference_points,
                      inputs.offsets, inputs.logits);
    ADD_FAILURE() << "not refused, expected " << texts[0];
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    for (const std::string& text : texts) EXPECT_THAT(message, HasSubstr(text));
  }
}

TEST(MsDeformAttnFusedTest, WrongShapesAndTypesAreRefused) {
  ExpectRefused(&Inputs::reference_points, at::zeros({3, kQueries, 3, 2}),
                {"reference_points is [3, 13, 3, 2]", "expected [2 or 1, 13, 3 or 1, 2 or 4]"});
  ExpectRefused(&Inputs::reference_points, at::zeros({1, kQueries, 2, 2}), {"[1, 13, 2, 2]", "3 or 1"});
  ExpectRefused(&Inputs::reference_points, at::zeros({1, kQueries, 3, 3}), {"[1, 13, 3, 3]", "2 or 4"});
  ExpectRefused(&Inputs::reference_points, at::zeros({kQueries, 3, 2}), {"[13, 3, 2]", "2 or 4"});
  ExpectRefused(&Inputs::reference_points, at::zeros({1, kQueries, 3, 2}, at::kDouble), {"Double", "expected Float"});
  ExpectRefused(&Inputs::offsets, at::zeros({2, kQueries, 3, 3, 4}), {"sampling_offsets is [2, 13, 3, 3, 4]"});
  ExpectRefused(&Inputs::offsets, at::zeros({2, kQueries, 2, 3, 4, 2}), {"[2, 13, 2, 3, 4, 2]", "[2, 13, 3, 3, 4, 2]"});
  ExpectRefused(&Inputs::logits, at::zeros({2, kQueries, 3, 11}), {"attention_logits is [2, 13, 3, 11]", "3, 12]"});
  ExpectRefused(&Inputs::logits, at::zeros({2, kQueries, 3, 3, 3}), {"[2, 13, 3, 3, 3]", "[2, 13, 3, 3, 4]"});
  ExpectRefused(&Inputs::spatial_shapes, at::tensor({6, 7, 0, 4, 1, 2}, at::kLong).view({3, 2}), {"level 1 is 0 x 4"});
}

}  // namespace
}  // namespace ops
