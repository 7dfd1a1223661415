#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "ops/ms_deform_attn/ms_deform_attn_reference.h"

namespace ops {
namespace {

// An array between two guards: what is read beyond its ends spoils the result, what is written there is seen.
template <typename T>
class Guarded {
 public:
  Guarded(const std::vector<T>& values, T guard) : guard_(guard), values_(kGuard, guard) {
    values_.insert(values_.end(), values.begin(), values.end());
    values_.insert(values_.end(), kGuard, guard);
  }
  T* data() { return values_.data() + kGuard; }
  const T* data() const { return values_.data() + kGuard; }
  size_t count() const { return values_.size() - 2 * kGuard; }
  bool GuardsHold() const {
    for (size_t i = 0; i < kGuard; ++i) {
      if (values_[i] != guard_ || values_[values_.size() - 1 - i] != guard_) return false;
    }
    return true;
  }

 private:
  // more than the longest vector of the kernels
  static constexpr size_t kGuard = 64;
  T guard_;
  std::vector<T> values_;
};

constexpr double kPoison = 999;

template <typename T>
Guarded<T> Input(const std::vector<double>& values) {
  return Guarded<T>(std::vector<T>(values.begin(), values.end()), std::numeric_limits<T>::quiet_NaN());
}

template <typename T>
Guarded<T> Output(size_t count) {
  return Guarded<T>(std::vector<T>(count, T(kPoison)), T(-kPoison));
}

struct Problem {
  std::vector<int64_t> shapes;
  MsDeformAttnSizes sizes;
  std::vector<double> value, locations, weights, grad_output;

  size_t outputs() const { return sizes.batch * sizes.queries * sizes.heads * sizes.channels; }
};

// Values that float holds exactly. Pixel positions stay clear of the pixels' centres, where float and double may choose
// different cells; about a third of the points lies outside its level.
Problem MakeProblem(int64_t batch, int64_t heads, int64_t channels, std::vector<int64_t> shapes, int64_t queries,
                    int64_t points) {
  Problem problem;
  problem.shapes = std::move(shapes);
  MsDeformAttnSizes& sizes = problem.sizes;
  sizes.batch = batch;
  sizes.heads = heads;
  sizes.channels = channels;
  sizes.levels = static_cast<int64_t>(problem.shapes.size()) / 2;
  sizes.queries = queries;
  sizes.points = points;
  for (int64_t level = 0; level < sizes.levels; ++level) {
    sizes.size += problem.shapes[2 * level] * problem.shapes[2 * level + 1];
  }
  base::RandomStream random("problem", {uint64_t(channels), uint64_t(sizes.size), uint64_t(queries), uint64_t(points)});
  const auto fill = [&random](std::vector<double>* out, size_t count, double low, double high) {
    for (size_t i = 0; i < count; ++i) out->push_back(static_cast<float>(random.NextUniform(low, high)));
  };
  fill(&problem.value, batch * sizes.size * heads * channels, -1, 1);
  fill(&problem.weights, batch * queries * heads * sizes.levels * points, -0.2, 1);
  fill(&problem.grad_output, problem.outputs(), -1, 1);
  for (size_t i = 0; i < problem.weights.size(); ++i) {
    const int64_t level = static_cast<int64_t>(i) / points % sizes.levels;
    for (int64_t axis : {1, 0}) {  // x, y of sizes (h, w)
      const int64_t size = problem.shapes[2 * level + axis];
      const double cell = static_cast<double>(random.NextBelow(size + 3)) - 2;
      const double pixel = cell + random.NextUniform(0.05, 0.95);
      problem.locations.push_back(static_cast<float>((pixel + 0.5) / static_cast<double>(size)));
    }
  }
  return problem;
}

// The sizes with the pointer to the shapes, wherever the problem lies now.
MsDeformAttnSizes SizesOf(const Problem& problem) {
  MsDeformAttnSizes sizes = problem.sizes;
  sizes.spatial_shapes = problem.shapes.data();
  return sizes;
}

template <typename T>
struct Results {
  explicit Results(const Problem& problem)
      : output(Output<T>(problem.outputs())),
        grad_value(Output<T>(problem.value.size())),
        grad_locations(Output<T>(problem.locations.size())),
        grad_weights(Output<T>(problem.weights.size())) {}
  std::vector<const Guarded<T>*> All() const { return {&output, &grad_value, &grad_locations, &grad_weights}; }
  MsDeformAttnGradients<T> Gradients() { return {grad_value.data(), grad_locations.data(), grad_weights.data()}; }
  Guarded<T> output, grad_value, grad_locations, grad_weights;
};

constexpr const char* kResultNames[] = {"output", "grad_value", "grad_locations", "grad_weights"};

// Both passes, in chunks of so many items.
template <typename T>
Results<T> Evaluate(const Problem& problem, int64_t chunk = std::numeric_limits<int64_t>::max()) {
  const MsDeformAttnSizes sizes = SizesOf(problem);
  const Guarded<T> value = Input<T>(problem.value), locations = Input<T>(problem.locations),
                   weights = Input<T>(problem.weights), grad_output = Input<T>(problem.grad_output);
  const MsDeformAttnInputs<T> inputs = {value.data(), locations.data(), weights.data()};
  Results<T> results(problem);
  const auto in_chunks = [chunk](int64_t items, auto body) {
    for (int64_t begin = 0; begin < items;) {
      const int64_t end = begin + std::min(chunk, items - begin);
      body(begin, end);
      begin = end;
    }
  };
  in_chunks(MsDeformAttnForwardItems(sizes), [&](int64_t begin, int64_t end) {
    MsDeformAttnForwardCpu(sizes, inputs, begin, end, results.output.data());
  });
  in_chunks(MsDeformAttnBackwardItems(sizes), [&](int64_t begin, int64_t end) {
    MsDeformAttnBackwardCpu(sizes, inputs, grad_output.data(), begin, end, results.Gradients());
  });
  return results;
}

Results<double> EvaluateReference(const Problem& problem) {
  const MsDeformAttnInputs<double> inputs = {problem.value.data(), problem.locations.data(), problem.weights.data()};
  Results<double> results(problem);
  MsDeformAttnReferenceForward(SizesOf(problem), inputs, results.output.data());
  MsDeformAttnReferenceBackward(SizesOf(problem), inputs, problem.grad_output.data(), results.Gradients());
  return results;
}

// Every result equals the reference to `tolerance` times the largest expected element.
template <typename T>
void ExpectEqualToReference(const Problem& problem, double tolerance) {
  const Results<T> results = Evaluate<T>(problem);
  const Results<double> expected = EvaluateReference(problem);
  for (size_t result = 0; result < results.All().size(); ++result) {
    const Guarded<T>& found = *results.All()[result];
    const Guarded<double>& wanted = *expected.All()[result];
    ASSERT_TRUE(found.GuardsHold()) << kResultNames[result];
    double largest = 0;
    for (size_t i = 0; i < wanted.count(); ++i) largest = std::max(largest, std::abs(wanted.data()[i]));
    for (size_t i = 0; i < wanted.count(); ++i) {
      ASSERT_NEAR(found.data()[i], wanted.data()[i], tolerance * largest) << kResultNames[result] << " at " << i;
    }
  }
}

// A few hundred roundings of 2^-24 and 2^-53, never all in one direction.
constexpr double kFloatTolerance = 5e-6, kDoubleTolerance = 1e-14;

void ExpectEqualToReferenceInBothTypes(const Problem& problem) {
  SCOPED_TRACE("batch " + std::to_string(problem.sizes.batch) + ", heads " + std::to_string(problem.sizes.heads) +
               ", channels " + std::to_string(problem.sizes.channels) + ", levels " +
               std::to_string(problem.sizes.levels) + ", queries " + std::to_string(problem.sizes.queries) +
               ", points " + std::to_string(problem.sizes.points));
  ExpectEqualToReference<float>(problem, kFloatTolerance);
  ExpectEqualToReference<double>(problem, kDoubleTolerance);
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
void ExpectSameBits(const Results<T>& a, const Results<T>& b) {
  for (size_t result = 0; result < a.All().size(); ++result) {
    const Guarded<T>&one = *a.All()[result], &other = *b.All()[result];
    EXPECT_EQ(std::memcmp(one.data(), other.data(), one.count() * sizeof(T)), 0) << kResultNames[result];
  }
}

TEST(MsDeformAttnCpuTest, TheBitsDoNotDependOnTheChunks) {
  const Problem problem = MakeProblem(3, 3, 13, {9, 8, 4, 4, 2, 2}, 29, 3);
  const Results<float> whole = Evaluate<float>(problem);
  for (int64_t chunk : {1, 2, 5, 28, 29, 30, 100}) {
    SCOPED_TRACE(chunk);
    ExpectSameBits(whole, Evaluate<float>(problem, chunk));
  }
}

// Locations that take no part, in x, in y, or in both.
std::vector<double> OutsideLocations(int64_t size) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double n = static_cast<double>(size);
  return {-0.5 / n,
          1 + 0.5 / n,
          -1,
          2,
          -1e30,
          1e30,
          -kInf,
          kInf,
          std::nan(""),
          -std::nan(""),
          3e9,
          -3e9,
          1e19,
          std::numeric_limits<float>::max(),
          -std::numeric_limits<float>::max()};
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
  ExpectPointsOutsideContributeNothing<float>();
  ExpectPointsOutsideContributeNothing<double>();
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

TEST(MsDeformAttnCpuTest, TooManyPixelsDoNotFit) {
  const std::vector<int64_t> fits = {1 << 15, 1 << 15}, too_many = {1 << 16, 1 << 15};
  MsDeformAttnSizes sizes;
  sizes.levels = 1;
  sizes.spatial_shapes = fits.data();
  EXPECT_TRUE(MsDeformAttnFits(sizes));
  sizes.spatial_shapes = too_many.data();
  EXPECT_FALSE(MsDeformAttnFits(sizes));
}

}  // namespace
}  // namespace ops
