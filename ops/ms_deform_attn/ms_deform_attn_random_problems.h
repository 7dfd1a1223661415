// Problems for tests of the kernels of multi-scale deformable attention, without LibTorch and GoogleTest: inputs, the
// reference's results, and arrays that notice what is read or written beyond their ends.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_RANDOM_PROBLEMS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_RANDOM_PROBLEMS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "ops/ms_deform_attn/ms_deform_attn_reference.h"

namespace ops::testing {

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

  // more than the longest vector of the kernels
  static constexpr size_t kGuard = 64;

 private:
  T guard_;
  std::vector<T> values_;
};

constexpr double kPoison = 999;

template <typename T>
Guarded<T> Input(const std::vector<double>& values) {
  return Guarded<T>(std::vector<T>(values.begin(), values.end()),
                    static_cast<T>(std::numeric_limits<float>::quiet_NaN()));
}

template <typename T>
Guarded<T> Output(size_t count) {
  return Guarded<T>(std::vector<T>(count, static_cast<T>(kPoison)), static_cast<T>(-kPoison));
}

struct Problem {
  std::vector<int64_t> shapes;
  MsDeformAttnSizes sizes;
  std::vector<double> value, locations, weights, grad_output;

  size_t outputs() const { return sizes.batch * sizes.queries * sizes.heads * sizes.channels; }
};

// Values that float holds exactly. Pixel positions stay clear of the pixels' centres, where float and double may choose
// different cells; about a third of the points lies outside its level.
inline Problem MakeProblem(int64_t batch, int64_t heads, int64_t channels, std::vector<int64_t> shapes, int64_t queries,
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

// The problem with values as T stores them.
template <typename T>
Problem Stored(Problem problem) {
  for (std::vector<double>* values : {&problem.value, &problem.grad_output}) {
    for (double& x : *values) x = static_cast<double>(static_cast<float>(static_cast<T>(static_cast<float>(x))));
  }
  return problem;
}

// The sizes with the pointer to the shapes, wherever the problem lies now.
inline MsDeformAttnSizes SizesOf(const Problem& problem) {
  MsDeformAttnSizes sizes = problem.sizes;
  sizes.spatial_shapes = problem.shapes.data();
  return sizes;
}

// Output and gradients, poisoned at first. Where values are stored in 16 bits, Real is float.
template <typename T, typename Real = T>
struct Results {
  explicit Results(const Problem& problem)
      : output(Output<T>(problem.outputs())),
        grad_value(Output<Real>(problem.value.size())),
        grad_locations(Output<Real>(problem.locations.size())),
        grad_weights(Output<Real>(problem.weights.size())) {}
  std::vector<const Guarded<T>*> All() const { return {&output, &grad_value, &grad_locations, &grad_weights}; }
  MsDeformAttnGradients<Real> Gradients() { return {grad_value.data(), grad_locations.data(), grad_weights.data()}; }
  Guarded<T> output;
  Guarded<Real> grad_value, grad_locations, grad_weights;
};

// A problem of the fused entry; of `plain` the locations and weights are not used.
struct FusedProblem {
  Problem plain;
  MsDeformAttnReferenceSizes reference_sizes;
  std::vector<double> reference, offsets, logits;
};

// The problem with reference points in [0, 1] (boxes of a fifth to a half of the image), and with offsets that lead to
// its own locations, about: as clear of the pixels' centres.
inline FusedProblem MakeFusedProblem(const Problem& plain, const MsDeformAttnReferenceSizes& reference_sizes) {
  FusedProblem problem = {plain, reference_sizes, {}, {}, {}};
  const MsDeformAttnSizes& sizes = plain.sizes;
  base::RandomStream random("fused problem", {uint64_t(sizes.size), uint64_t(sizes.queries)});
  for (int64_t i = 0; i < reference_sizes.batch * sizes.queries * reference_sizes.levels; ++i) {
    for (int64_t axis = 0; axis < reference_sizes.coordinates; ++axis) {
      problem.reference.push_back(static_cast<float>(axis < 2 ? random.NextUniform() : random.NextUniform(0.2, 0.5)));
    }
  }
  for (size_t i = 0; i < plain.weights.size(); ++i) {
    const int64_t point = static_cast<int64_t>(i), level = point / sizes.points % sizes.levels;
    const int64_t row = point / (sizes.points * sizes.levels * sizes.heads);
    const int64_t query = reference_sizes.batch == 1 ? row % sizes.queries : row;
    const double* reference =
        problem.reference.data() +
        (query * reference_sizes.levels + (reference_sizes.levels == 1 ? 0 : level)) * reference_sizes.coordinates;
    for (int64_t axis = 0; axis < 2; ++axis) {
      const double unit = reference_sizes.coordinates == 4
                              ? reference[2 + axis] * 0.5 / static_cast<double>(sizes.points)
                              : 1 / static_cast<double>(plain.shapes[2 * level + 1 - axis]);
      problem.offsets.push_back(static_cast<float>((plain.locations[2 * i + axis] - reference[axis]) / unit));
    }
    problem.logits.push_back(static_cast<float>(random.NextUniform(-3, 3)));
  }
  return problem;
}

constexpr const char* kResultNames[] = {"output", "grad_value", "grad_locations", "grad_weights"};

inline Results<double> EvaluateReference(const Problem& problem) {
  const MsDeformAttnInputs<double> inputs = {problem.value.data(), problem.locations.data(), problem.weights.data()};
  Results<double> results(problem);
  MsDeformAttnReferenceForward(SizesOf(problem), inputs, results.output.data());
  MsDeformAttnReferenceBackward(SizesOf(problem), inputs, problem.grad_output.data(), results.Gradients());
  return results;
}

inline std::string Describe(const MsDeformAttnSizes& sizes) {
  return "batch " + std::to_string(sizes.batch) + ", heads " + std::to_string(sizes.heads) + ", channels " +
         std::to_string(sizes.channels) + ", levels " + std::to_string(sizes.levels) + ", queries " +
         std::to_string(sizes.queries) + ", points " + std::to_string(sizes.points);
}

// A few hundred roundings of 2^-24 and 2^-53, never all in one direction.
constexpr double kFloatTolerance = 5e-6, kDoubleTolerance = 1e-14;

// Locations that take no part, in x, in y, or in both.
inline std::vector<double> OutsideLocations(int64_t size) {
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

}  // namespace ops::testing

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_RANDOM_PROBLEMS_H_
