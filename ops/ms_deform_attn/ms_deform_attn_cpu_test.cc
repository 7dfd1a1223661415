#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"
#include "ops/cpu_target/cpu_target.h"
#include "ops/ms_deform_attn/ms_deform_attn_problems.h"

namespace ops::testing {
namespace {

// Calls body(begin, end) for chunks of so many items.
template <typename Body>
void InChunks(int64_t items, int64_t chunk, Body body) {
  for (int64_t begin = 0; begin < items;) {
    const int64_t end = begin + std::min(chunk, items - begin);
    body(begin, end);
    begin = end;
  }
}

template <typename T>
void Run(const MsDeformAttnCpu<T>& kernels, int64_t chunk, const T* grad_output, T* output, T* grad_value,
         const MsDeformAttnCpuPointGradients<T>& gradients) {
  InChunks(kernels.ForwardItems(), chunk, [&](int64_t begin, int64_t end) { kernels.Forward(begin, end, output); });
  Guarded<T> workspace = Output<T>(kernels.BackwardWorkspace(gradients));
  for (int step = 0; step < kernels.kBackwardSteps; ++step) {
    InChunks(kernels.BackwardItems(step, gradients), chunk, [&](int64_t begin, int64_t end) {
      kernels.Backward(step, begin, end, grad_output, grad_value, gradients, workspace.data());
    });
  }
  EXPECT_TRUE(workspace.GuardsHold());
}

constexpr int64_t kWhole = std::numeric_limits<int64_t>::max();

// Both passes of the plain entry, in chunks of so many items.
template <typename T>
Results<T> Evaluate(const Problem& problem, int64_t chunk = kWhole) {
  const Guarded<T> value = Input<T>(problem.value), locations = Input<T>(problem.locations),
                   weights = Input<T>(problem.weights), grad_output = Input<T>(problem.grad_output);
  const MsDeformAttnCpu<T> kernels(SizesOf(problem),
                                   MsDeformAttnInputs<T>{value.data(), locations.data(), weights.data()});
  Results<T> results(problem);
  Run(kernels, chunk, grad_output.data(), results.output.data(), results.grad_value.data(),
      {results.grad_locations.data(), results.grad_weights.data(), nullptr});
  return results;
}

// Those of the fused entry: the problem's locations are taken for offsets in pixels, or in halves of a box.
template <typename T>
struct FusedResults {
  Results<T> results;
  Guarded<T> grad_reference;
};
template <typename T>
FusedResults<T> EvaluateFused(const Problem& problem, MsDeformAttnReferenceSizes layout, int64_t chunk = kWhole) {
  const MsDeformAttnSizes sizes = SizesOf(problem);
  base::RandomStream random("reference", {});
  std::vector<double> points(layout.batch * sizes.queries * layout.levels * layout.coordinates);
  for (double& x : points) x = static_cast<float>(random.NextUniform());
  std::vector<double> offsets = problem.locations;
  for (double& x : offsets) x = static_cast<float>(4 * x - 2);
  const Guarded<T> value = Input<T>(problem.value), reference = Input<T>(points), in_pixels = Input<T>(offsets),
                   logits = Input<T>(problem.weights), grad_output = Input<T>(problem.grad_output);
  const MsDeformAttnCpu<T> kernels(
      sizes, layout, MsDeformAttnFusedInputs<T>{value.data(), reference.data(), in_pixels.data(), logits.data()});
  FusedResults<T> fused = {Results<T>(problem), Output<T>(points.size())};
  Run(kernels, chunk, grad_output.data(), fused.results.output.data(), fused.results.grad_value.data(),
      {fused.results.grad_locations.data(), fused.results.grad_weights.data(), fused.grad_reference.data()});
  return fused;
}

// Runs `body` on every instruction set that this machine has.
template <typename Body>
void ForEachTarget(Body body) {
  const CpuTarget before = CurrentCpuTarget();
  for (CpuTarget target : SupportedCpuTargets()) {
    SCOPED_TRACE(CpuTargetName(target));
    UseCpuTarget(target);
    body();
  }
  UseCpuTarget(before);
}

void ExpectEqualToReferenceInBothTypes(const Problem& problem) {
  SCOPED_TRACE(Describe(problem.sizes));
  const Results<double> expected = EvaluateReference(problem);
  ForEachTarget([&] {
    ExpectNear(Evaluate<float>(problem), expected, kFloatTolerance, kFloatTolerance);
    ExpectNear(Evaluate<double>(problem), expected, kDoubleTolerance, kDoubleTolerance);
  });
}

TEST(MsDeformAttnCpuTest, EveryChannelCountUpToTwoBlocks) {
  for (int64_t channels = 1; channels <= 140; ++channels) {
    ExpectEqualToReferenceInBothTypes(MakeProblem(1, 2, channels, {3, 4, 2, 1}, 3, 2));
    if (HasFatalFailure()) return;
  }
  ExpectEqualToReferenceInBothTypes(MakeProblem(1, 2, 1025, {3, 4, 2, 1}, 3, 2));
}

TEST(MsDeformAttnCpuTest, EveryNumberOfPointsAndLevels) {
  const std::vector<int64_t> shapes = {7, 5, 4, 3, 2, 2, 1, 1, 1, 6};
  for (int64_t levels = 1; levels <= 5; ++levels) {
    for (int64_t points = 1; points <= 9; ++points) {
      const std::vector<int64_t> taken(shapes.begin(), shapes.begin() + 2 * levels);
      ExpectEqualToReferenceInBothTypes(MakeProblem(2, 3, 5, taken, 4, points));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(MsDeformAttnCpuTest, NarrowLevelsAndOddCounts) {
  for (const std::vector<int64_t>& shapes :
       std::vector<std::vector<int64_t>>{{1, 1}, {1, 7}, {7, 1}, {1, 2}, {2, 1}, {33, 17, 1, 1}}) {
    for (int64_t queries : {1, 2, 7, 65}) {
      ExpectEqualToReferenceInBothTypes(MakeProblem(3, 1, 16, shapes, queries, 3));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(MsDeformAttnCpuTest, NothingToDo) {
  const Problem no_queries = MakeProblem(2, 2, 5, {3, 4}, 0, 2);
  const Results<float> results = Evaluate<float>(no_queries);
  for (size_t i = 0; i < results.grad_value.count(); ++i) EXPECT_EQ(results.grad_value.data()[i], 0);
  const Problem no_batch = MakeProblem(0, 2, 5, {3, 4}, 3, 2);
  Evaluate<float>(no_batch);
}

template <typename T>
void ExpectSameBits(const Guarded<T>& one, const Guarded<T>& other, const char* name) {
  ASSERT_EQ(one.count(), other.count());
  EXPECT_TRUE(one.GuardsHold() && other.GuardsHold()) << name;
  EXPECT_EQ(std::memcmp(one.data(), other.data(), one.count() * sizeof(T)), 0) << name;
}
template <typename T>
void ExpectSameBits(const Results<T>& one, const Results<T>& other) {
  for (size_t result = 0; result < one.All().size(); ++result) {
    ExpectSameBits(*one.All()[result], *other.All()[result], kResultNames[result]);
  }
}
template <typename T>
void ExpectSameBits(const FusedResults<T>& one, const FusedResults<T>& other) {
  ExpectSameBits(one.results, other.results);
  ExpectSameBits(one.grad_reference, other.grad_reference, "grad_reference");
}

// Few heads and many queries: the backward pass cuts them into ranges.
Problem ProblemOfRanges() { return MakeProblem(1, 3, 13, {9, 8, 4, 4, 2, 2}, 290, 3); }

TEST(MsDeformAttnCpuTest, TheBitsDoNotDependOnTheChunks) {
  for (const Problem& problem : {MakeProblem(3, 3, 13, {9, 8, 4, 4, 2, 2}, 29, 3), ProblemOfRanges()}) {
    const Results<float> whole = Evaluate<float>(problem);
    const MsDeformAttnReferenceSizes layout = {1, 1, 4};
    const FusedResults<float> fused_whole = EvaluateFused<float>(problem, layout);
    for (int64_t chunk : {1, 2, 5, 28, 29, 30, 100}) {
      SCOPED_TRACE(chunk);
      ExpectSameBits(whole, Evaluate<float>(problem, chunk));
      ExpectSameBits(fused_whole, EvaluateFused<float>(problem, layout, chunk));
    }
  }
}

TEST(MsDeformAttnCpuTest, ManyQueriesOfFewHeadsAreCutIntoRanges) {
  const Problem problem = ProblemOfRanges();
  const MsDeformAttnCpu<float> kernels(SizesOf(problem), MsDeformAttnInputs<float>());
  EXPECT_EQ(kernels.BackwardItems(0, {}), 3 * 3);
  ExpectEqualToReferenceInBothTypes(problem);
}

template <typename T>
void ExpectSameBitsOnAllTargets(const Problem& problem) {
  SCOPED_TRACE(Describe(problem.sizes));
  const int64_t batch = problem.sizes.batch, levels = problem.sizes.levels;
  const std::vector<MsDeformAttnReferenceSizes> layouts = {
      {batch, levels, 2}, {1, levels, 4}, {batch, 1, 4}, {1, 1, 2}};
  std::vector<Results<T>> plain;
  std::vector<FusedResults<T>> fused;
  ForEachTarget([&] {
    plain.push_back(Evaluate<T>(problem));
    for (const auto& layout : layouts) fused.push_back(EvaluateFused<T>(problem, layout));
  });
  for (size_t i = 1; i < plain.size(); ++i) ExpectSameBits(plain[0], plain[i]);
  for (size_t i = layouts.size(); i < fused.size(); ++i) ExpectSameBits(fused[i % layouts.size()], fused[i]);
}

TEST(MsDeformAttnCpuTest, TheBitsDoNotDependOnTheTarget) {
  if (SupportedCpuTargets().size() < 2) GTEST_SKIP() << "this machine has AVX2 only";
  for (int64_t channels : {1, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 71, 100}) {
    ExpectSameBitsOnAllTargets<float>(MakeProblem(2, 3, channels, {9, 8, 4, 4, 2, 2}, 29, 4));
    ExpectSameBitsOnAllTargets<double>(MakeProblem(2, 3, channels, {9, 8, 4, 4, 2, 2}, 29, 4));
  }
  for (int64_t points = 1; points <= 18; ++points) {
    ExpectSameBitsOnAllTargets<float>(MakeProblem(2, 2, 20, {9, 8, 4, 4}, 13, points));
    ExpectSameBitsOnAllTargets<double>(MakeProblem(2, 2, 20, {9, 8, 4, 4}, 13, points));
  }
}

// A thread keeps the memory of its bordered head: what an earlier call left there must not be seen.
TEST(MsDeformAttnCpuTest, EarlierCallsLeaveNothingBehind) {
  Problem infinite = MakeProblem(1, 2, 13, {9, 8, 4, 4}, 5, 3);
  infinite.value.assign(infinite.value.size(), std::numeric_limits<double>::infinity());
  infinite.grad_output.assign(infinite.grad_output.size(), std::nan(""));
  // the same border, with other channels in the same row; a smaller border; a larger one
  for (const Problem& problem : {MakeProblem(1, 2, 5, {9, 8, 4, 4}, 5, 3), MakeProblem(1, 2, 13, {4, 4, 3, 2}, 5, 3),
                                 MakeProblem(1, 2, 40, {30, 28, 4, 4}, 5, 3)}) {
    Evaluate<float>(infinite);
    ExpectEqualToReferenceInBothTypes(problem);
  }
}

template <typename T>
void ExpectPointsOutsideContributeNothing() {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> outside = OutsideLocations(4);
  const int64_t count = static_cast<int64_t>(outside.size());
  Problem problem = MakeProblem(1, 1, 5, {4, 4}, 1, 3 * count);
  for (int64_t i = 0; i < count; ++i) {
    double* locations = problem.locations.data() + 6 * i;
    locations[0] = locations[3] = locations[4] = locations[5] = outside[i];
    locations[1] = locations[2] = 0.5;
  }
  // neither the values nor the weights nor the gradient of such a point are looked at
  problem.value.assign(problem.value.size(), inf);
  problem.weights.assign(problem.weights.size(), std::nan(""));
  problem.grad_output.assign(problem.grad_output.size(), inf);
  const Results<T> results = Evaluate<T>(problem);
  for (size_t result = 0; result < results.All().size(); ++result) {
    const Guarded<T>& found = *results.All()[result];
    EXPECT_TRUE(found.GuardsHold());
    for (size_t i = 0; i < found.count(); ++i) {
      // grad_value is 0 * inf where a point lies inside; none does
      ASSERT_EQ(found.data()[i], 0) << kResultNames[result] << " at " << i;
    }
  }
}

TEST(MsDeformAttnCpuTest, PointsOutsideContributeNothing) {
  ForEachTarget([] {
    ExpectPointsOutsideContributeNothing<float>();
    ExpectPointsOutsideContributeNothing<double>();
  });
}

TEST(MsDeformAttnCpuTest, PointsOutsideLeaveTheOthersAlone) {
  for (double location : OutsideLocations(3)) {
    Problem problem = MakeProblem(1, 2, 9, {3, 3}, 2, 5);
    for (size_t i = 0; i < problem.locations.size(); i += 6) problem.locations[i] = location;
    ExpectEqualToReferenceInBothTypes(problem);
  }
}

// At the pixels' centres and at the borders only the locations' gradient has a choice to make; the kernels and the
// reference make the same one.
TEST(MsDeformAttnCpuTest, PixelCentresAndBorders) {
  Problem problem = MakeProblem(1, 1, 6, {4, 8}, 1, 17 * 9);
  for (int64_t i = 0; i < problem.sizes.points; ++i) {
    problem.locations[2 * i] = (static_cast<double>(i % 17) / 2 - 0.5 + 0.5) / 8;
    problem.locations[2 * i + 1] = (static_cast<double>(i / 17) / 2 - 0.5 + 0.5) / 4;
  }
  ExpectEqualToReferenceInBothTypes(problem);
}

TEST(MsDeformAttnCpuTest, TheReferenceSamplesBilinearly) {
  Problem problem = MakeProblem(1, 1, 1, {2, 2}, 1, 1);
  problem.value = {1, 2, 3, 4};
  problem.weights = {2};
  problem.grad_output = {1};
  problem.locations = {(0.25 + 0.5) / 2, (0.75 + 0.5) / 2};  // pixel (x, y) = (0.25, 0.75)
  const Results<double> results = EvaluateReference(problem);
  EXPECT_DOUBLE_EQ(results.output.data()[0], 2 * (0.25 * (0.75 * 1 + 0.25 * 2) + 0.75 * (0.75 * 3 + 0.25 * 4)));
  EXPECT_DOUBLE_EQ(results.grad_weights.data()[0], results.output.data()[0] / 2);
  EXPECT_DOUBLE_EQ(results.grad_locations.data()[0], 2 * 2 * 1);  // width, weight, step in x
  EXPECT_DOUBLE_EQ(results.grad_locations.data()[1], 2 * 2 * 2);  // height, weight, step in y
  EXPECT_DOUBLE_EQ(results.grad_value.data()[3], 2 * 0.25 * 0.75);
}

TEST(MsDeformAttnCpuTest, TooManyElementsDoNotFit) {
  // with value and gradient 32 floats a pixel: 2^31 elements are 2^26 pixels, border included
  const std::vector<int64_t> fits = {(1 << 13) - 4, 1 << 13}, too_many = {1 << 13, 1 << 13},
                             far_too_many = {int64_t{1} << 30, int64_t{1} << 30};
  MsDeformAttnSizes sizes;
  sizes.levels = 1;
  sizes.channels = 16;
  sizes.spatial_shapes = fits.data();
  EXPECT_TRUE(MsDeformAttnFits(sizes));
  sizes.spatial_shapes = too_many.data();
  EXPECT_FALSE(MsDeformAttnFits(sizes));
  sizes.spatial_shapes = far_too_many.data();
  EXPECT_FALSE(MsDeformAttnFits(sizes));
}

}  // namespace
}  // namespace ops::testing
