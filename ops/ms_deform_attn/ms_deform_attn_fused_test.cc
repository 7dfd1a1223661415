// The fused entry against the same computation composed of torch's operators and the plain entry.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grouppose/testing/fixtures.h"
#include "ops/ms_deform_attn/grid_sampler_composition.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"

namespace ops {
namespace {

using at::Tensor;
using grouppose::testing::Near;
using grouppose::testing::RecipeTensor;

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

}  // namespace
}  // namespace ops
