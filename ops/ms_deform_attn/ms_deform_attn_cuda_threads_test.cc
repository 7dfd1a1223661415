#include "ops/ms_deform_attn/ms_deform_attn_cuda_threads.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cuda_emulation.h"
#include "ops/ms_deform_attn/ms_deform_attn_problems.h"

namespace ops::testing {
namespace {

// Both passes with kVector channels at once.
template <int kVector, typename T>
Results<T, MsDeformAttnReal<T>> Evaluate(const Problem& problem) {
  using Real = MsDeformAttnReal<T>;
  const MsDeformAttnSizes sizes = SizesOf(problem);
  const Guarded<T> value = Input<T>(problem.value), grad_output = Input<T>(problem.grad_output);
  const Guarded<Real> locations = Input<Real>(problem.locations), weights = Input<Real>(problem.weights);
  const MsDeformAttnInputs<T, Real> inputs = {value.data(), locations.data(), weights.data()};
  Results<T, Real> results(problem);
  EmulateForward<kVector>(sizes, inputs, results.output.data());
  EmulateBackward<kVector>(sizes, inputs, grad_output.data(), results.Gradients());
  return results;
}

// In every width that the launches choose for this number of channels, and one by one.
template <typename T>
void ExpectEqualToReference(const Problem& problem, double output_tolerance, double gradient_tolerance) {
  SCOPED_TRACE(Describe(problem.sizes));
  const Results<double> expected = EvaluateReference(problem);
  ExpectNear(Evaluate<1, T>(problem), expected, output_tolerance, gradient_tolerance);
  constexpr int kWide = 16 / sizeof(T);
  if (problem.sizes.channels % kWide == 0) {
    ExpectNear(Evaluate<kWide, T>(problem), expected, output_tolerance, gradient_tolerance);
  }
}

void ExpectEqualToReferenceInAllTypes(const Problem& problem) {
  ExpectEqualToReference<float>(problem, kFloatTolerance, kFloatTolerance);
  ExpectEqualToReference<double>(problem, kDoubleTolerance, kDoubleTolerance);
  // sums are in float, the output is rounded to 11 and to 8 bits once
  ExpectEqualToReference<__half>(Stored<__half>(problem), 0x1p-11, kFloatTolerance);
  ExpectEqualToReference<__nv_bfloat16>(Stored<__nv_bfloat16>(problem), 0x1p-8, kFloatTolerance);
}

TEST(MsDeformAttnCudaThreadsTest, ChannelCounts) {
  for (int64_t channels : {1, 2, 3, 4, 5, 7, 8, 12, 16, 24, 30, 31, 32, 33, 64, 71, 128, 136, 256, 1024, 1025}) {
    ExpectEqualToReferenceInAllTypes(MakeProblem(1, 2, channels, {3, 4, 2, 1}, 3, 2));
    if (HasFatalFailure()) return;
  }
}

TEST(MsDeformAttnCudaThreadsTest, LevelsPointsHeadsAndImages) {
  const std::vector<int64_t> shapes = {7, 5, 4, 3, 2, 2, 1, 1, 1, 6};
  for (int64_t levels = 1; levels <= 5; ++levels) {
    for (int64_t points : {1, 2, 4, 7}) {
      const std::vector<int64_t> taken(shapes.begin(), shapes.begin() + 2 * levels);
      ExpectEqualToReferenceInAllTypes(MakeProblem(2, 3, 8, taken, 4, points));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(MsDeformAttnCudaThreadsTest, PixelCentresAndBorders) {
  Problem problem = MakeProblem(1, 1, 8, {4, 8}, 1, 17 * 9);
  for (int64_t i = 0; i < problem.sizes.points; ++i) {
    problem.locations[2 * i] = static_cast<double>(i % 17) / 16;
    problem.locations[2 * i + 1] = static_cast<double>(i / 17) / 8;
  }
  ExpectEqualToReferenceInAllTypes(problem);
}

template <typename T, typename Real>
void ExpectZeros(const Results<T, Real>& results) {
  const auto expect = [](const char* name, const auto& found) {
    EXPECT_TRUE(found.GuardsHold()) << name;
    for (size_t i = 0; i < found.count(); ++i) ASSERT_EQ(static_cast<float>(found.data()[i]), 0) << name << " at " << i;
  };
  expect("output", results.output);
  expect("grad_value", results.grad_value);
  expect("grad_locations", results.grad_locations);
  expect("grad_weights", results.grad_weights);
}

TEST(MsDeformAttnCudaThreadsTest, PointsOutsideContributeNothing) {
  const std::vector<double> outside = OutsideLocations(4);
  const int64_t count = static_cast<int64_t>(outside.size());
  Problem problem = MakeProblem(1, 1, 8, {4, 4}, 1, 3 * count);
  for (int64_t i = 0; i < count; ++i) {
    double* locations = problem.locations.data() + 6 * i;
    locations[0] = locations[3] = locations[4] = locations[5] = outside[i];
    locations[1] = locations[2] = 0.5;
  }
  // neither the values nor the weights nor the gradient of such a point are looked at
  problem.value.assign(problem.value.size(), INFINITY);
  problem.weights.assign(problem.weights.size(), NAN);
  problem.grad_output.assign(problem.grad_output.size(), INFINITY);
  ExpectZeros(Evaluate<1, float>(problem));
  ExpectZeros(Evaluate<4, float>(problem));
  ExpectZeros(Evaluate<2, double>(problem));
  ExpectZeros(Evaluate<8, __half>(problem));
  ExpectZeros(Evaluate<8, __nv_bfloat16>(problem));
}

TEST(MsDeformAttnCudaThreadsTest, NothingToDo) {
  const Results<float> no_queries = Evaluate<1, float>(MakeProblem(2, 2, 5, {3, 4}, 0, 2));
  for (size_t i = 0; i < no_queries.grad_value.count(); ++i) EXPECT_EQ(no_queries.grad_value.data()[i], 0);
  Evaluate<1, float>(MakeProblem(0, 2, 5, {3, 4}, 3, 2));
}

TEST(MsDeformAttnCudaThreadsTest, LanesArePowersOfTwoUpToAWarp) {
  EXPECT_EQ(cuda_threads::LanesOfGroup<1>(1), 1);
  EXPECT_EQ(cuda_threads::LanesOfGroup<4>(32), 8);
  EXPECT_EQ(cuda_threads::LanesOfGroup<4>(36), 16);
  EXPECT_EQ(cuda_threads::LanesOfGroup<1>(30), 32);
  EXPECT_EQ(cuda_threads::LanesOfGroup<1>(1025), 32);
}

TEST(MsDeformAttnCudaThreadsTest, WhatTheKernelsCannotAddressDoesNotFit) {
  const auto fits = [](std::vector<int64_t> shapes, int64_t points) {
    MsDeformAttnSizes sizes;
    sizes.levels = static_cast<int64_t>(shapes.size()) / 2;
    sizes.points = points;
    sizes.spatial_shapes = shapes.data();
    return MsDeformAttnCudaFits(sizes);
  };
  constexpr int64_t kLarge = int64_t{1} << 31;
  EXPECT_TRUE(fits({1, kLarge - 1}, 4));
  EXPECT_FALSE(fits({1, kLarge}, 4));
  EXPECT_FALSE(fits({kLarge, 1}, 4));
  EXPECT_FALSE(fits({1, 1}, kLarge));
  EXPECT_TRUE(fits(std::vector<int64_t>(2 * 16, 1), 4));
  EXPECT_FALSE(fits(std::vector<int64_t>(2 * 17, 1), 4));
}

// Levels far beyond what a test can allocate, by the index of one corner of their last pixel.
TEST(MsDeformAttnCudaThreadsTest, IndicesHave64Bits) {
  const std::vector<int64_t> shapes = {1 << 20, 1 << 20, 3, 5};
  MsDeformAttnSizes sizes;
  sizes.batch = 2;
  sizes.size = (int64_t{1} << 40) + 15;
  sizes.heads = 8;
  sizes.channels = 32;
  sizes.queries = 7;
  sizes.levels = 2;
  sizes.points = 4;
  sizes.spatial_shapes = shapes.data();
  const cuda_threads::Sizes made = cuda_threads::MakeSizes(sizes);
  const auto place = cuda_threads::PlaceOf<double>(1, 1, made.level[0]);
  ASSERT_TRUE(place.takes_part);
  EXPECT_EQ(cuda_threads::CornerOf(place, made.level[0], 0).pixel, (int64_t{1} << 40) - 1);
  // the last query of the last head of the second image
  EXPECT_EQ(cuda_threads::FirstOfLevel(made, made.groups - 1, made.level[1]),
            ((sizes.size + (int64_t{1} << 40)) * 8 + 7) * 32);
}

}  // namespace
}  // namespace ops::testing
