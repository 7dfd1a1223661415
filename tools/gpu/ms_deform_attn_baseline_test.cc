// The baseline and the benchmark's inputs, run by the launch emulator.
#include "tools/gpu/ms_deform_attn_baseline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cuda_checks.h"

namespace gpu {
namespace {

using ops::testing::CudaResults;
using ops::testing::Problem;

const std::vector<int32_t> kShapes = {3, 4, 2, 1}, kStarts = {0, 12};

TEST(MsDeformAttnBaselineTest, EqualsTheReference) {
  const Problem problem = ops::testing::MakeProblem(2, 2, 8, {3, 4, 2, 1}, 5, 3);
  const auto floats = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  const std::vector<float> value = floats(problem.value), locations = floats(problem.locations),
                           weights = floats(problem.weights), grad_output = floats(problem.grad_output);
  std::vector<float> output(problem.outputs()), grad_value(value.size()), grad_locations(locations.size()),
      grad_weights(weights.size());
  const BaselineLevels levels = {kShapes.data(), kStarts.data()};
  const ops::MsDeformAttnInputs<float> inputs = {value.data(), locations.data(), weights.data()};
  const ops::MsDeformAttnSizes sizes = SizesOf(problem);
  ASSERT_EQ(LaunchBaselineForward(sizes, levels, inputs, output.data(), nullptr), cudaSuccess);
  ASSERT_EQ(LaunchBaselineBackward(sizes, levels, inputs, grad_output.data(),
                                   {grad_value.data(), grad_locations.data(), grad_weights.data()}, nullptr),
            cudaSuccess);
  const auto doubles = [](const std::vector<float>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  const CudaResults found = {{"output", doubles(output)},
                             {"grad_value", doubles(grad_value)},
                             {"grad_locations", doubles(grad_locations)},
                             {"grad_weights", doubles(grad_weights)}};
  EXPECT_EQ(Difference(found, PlainReference(problem), ops::testing::kFloatTolerance, ops::testing::kFloatTolerance),
            "");
}

TEST(MsDeformAttnBaselineTest, ThePlainInputsAreThoseOfTheFusedEntry) {
  const Problem plain = ops::testing::MakeProblem(2, 2, 4, {3, 4, 2, 1}, 14, 3);
  ops::testing::FusedProblem problem = MakeFusedProblem(plain, {1, 1, 2});
  const ops::MsDeformAttnSizes sizes = SizesOf(plain);
  std::vector<double> locations(plain.locations.size()), weights(plain.weights.size());
  const BaselineLevels levels = {kShapes.data(), kStarts.data()};
  ASSERT_EQ(LaunchFillReference(sizes, levels, problem.reference.data(), nullptr), cudaSuccess);
  // as many queries as pixels: their own places
  EXPECT_DOUBLE_EQ(problem.reference[2 * 5], 1.5 / 4);
  EXPECT_DOUBLE_EQ(problem.reference[2 * 5 + 1], 1.5 / 3);
  EXPECT_DOUBLE_EQ(problem.reference[2 * 13 + 1], 1.5 / 2);
  ASSERT_EQ(LaunchMakePlain<double>(sizes, levels, problem.reference.data(), problem.offsets.data(),
                                    problem.logits.data(), locations.data(), weights.data(), nullptr),
            cudaSuccess);
  Problem made = plain;
  made.locations = locations;
  made.weights = weights;
  const CudaResults wanted = FusedReference(problem);
  EXPECT_EQ(ops::testing::Difference({PlainReference(made)[0]}, {wanted[0]}, ops::testing::kDoubleTolerance, 0), "");
}

TEST(MsDeformAttnBaselineTest, RandomNumbersHaveTheirMoments) {
  std::vector<float> uniform(20000), normal(20000);
  ASSERT_EQ(LaunchFillUniform(20000, 1, uniform.data(), nullptr), cudaSuccess);
  ASSERT_EQ(LaunchFillNormal(20000, 2, 2.0f, normal.data(), nullptr), cudaSuccess);
  const auto mean_square = [](const std::vector<float>& x) {
    return std::inner_product(x.begin(), x.end(), x.begin(), 0.0) / static_cast<double>(x.size());
  };
  EXPECT_NEAR(mean_square(uniform), 1.0 / 3, 0.01);
  EXPECT_NEAR(mean_square(normal), 4, 0.15);
  EXPECT_NEAR(std::accumulate(normal.begin(), normal.end(), 0.0) / 20000, 0, 0.05);
}

}  // namespace
}  // namespace gpu
