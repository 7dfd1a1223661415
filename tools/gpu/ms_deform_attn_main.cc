// Deformable attention's kernels on a GPU, without torch: compares them with the reference in every type, and prints
// the rows of run.sh's table.
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cuda_checks.h"
#include "tools/gpu/benchmark.h"
#include "tools/gpu/ms_deform_attn_baseline.h"

namespace gpu {
namespace {

using ops::MsDeformAttnReal;
using ops::MsDeformAttnSizes;

// Both entries, both passes, both ways of summing, every type; false where something differs.
bool CheckKernels() {
  const std::vector<ops::testing::Problem> problems = {
      ops::testing::MakeProblem(2, 3, 32, {7, 5, 2, 1}, 51, 4),
      ops::testing::MakeProblem(1, 2, 32, {20, 30, 10, 15, 5, 8, 3, 4}, 799, 4),
      ops::testing::MakeProblem(2, 1, 64, {9, 9}, 300, 16),
      ops::testing::MakeProblem(2, 2, 5, {3, 4}, 0, 2),
      ops::testing::MakeProblem(1, 2, 1025, {3, 4}, 5, 3),
      ops::testing::MakeProblem(1, 2, 71, {3, 4, 1, 1}, 33, 1),
      ops::testing::MakeProblem(3, 2, 1, {3, 4}, 70, 2),
      ops::testing::MakeProblem(1, 2, 30, {6, 7}, 65, 8),
  };
  int failed = 0;
  for (const ops::testing::Problem& problem : problems) {
    const std::string difference = ops::testing::CheckAll(problem);
    std::fprintf(stderr, "%s %s%s%s\n", difference.empty() ? "ok" : "FAIL",
                 ops::testing::Describe(problem.sizes).c_str(), difference.empty() ? "" : ": ", difference.c_str());
    failed += !difference.empty();
  }
  return failed == 0;
}

// An image of 800 x 1066 pixels.
const std::vector<int64_t> kShapes = {100, 134, 50, 67, 25, 34, 13, 17};

struct Setting {
  const char* name;
  int64_t batch, queries;  // queries 0: as many as pixels
};

MsDeformAttnSizes SizesOf(const Setting& setting) {
  MsDeformAttnSizes sizes;
  for (size_t l = 0; l < kShapes.size(); l += 2) sizes.size += kShapes[l] * kShapes[l + 1];
  sizes.batch = setting.batch;
  sizes.heads = 8;
  sizes.channels = 32;
  sizes.queries = setting.queries == 0 ? sizes.size : setting.queries;
  sizes.levels = static_cast<int64_t>(kShapes.size()) / 2;
  sizes.points = 4;
  sizes.spatial_shapes = kShapes.data();
  return sizes;
}

// Levels on the device.
class Levels {
 public:
  Levels() : shapes_(kShapes.size()), starts_(kShapes.size() / 2) {
    std::vector<int32_t> shapes(kShapes.begin(), kShapes.end()), starts = {0};
    for (size_t l = 0; l + 2 < kShapes.size(); l += 2) starts.push_back(starts.back() + shapes[l] * shapes[l + 1]);
    GPU_CHECK(cudaMemcpy(shapes_.data(), shapes.data(), shapes_.bytes(), cudaMemcpyHostToDevice));
    GPU_CHECK(cudaMemcpy(starts_.data(), starts.data(), starts_.bytes(), cudaMemcpyHostToDevice));
  }
  BaselineLevels Get() const { return {shapes_.data(), starts_.data()}; }

 private:
  Array<int32_t> shapes_, starts_;
};

// All arrays of one setting in one type.
template <typename T>
struct Tensors {
  using Real = MsDeformAttnReal<T>;

  Tensors(const MsDeformAttnSizes& sizes, const BaselineLevels& levels)
      : groups(sizes.batch * sizes.queries * sizes.heads),
        points(groups * sizes.levels * sizes.points),
        value(sizes.batch * sizes.size * sizes.heads * sizes.channels),
        output(groups * sizes.channels),
        grad_output(output.count()),
        reference(2 * sizes.queries),
        offsets(2 * points),
        logits(points),
        locations(2 * points),
        weights(points),
        grad_value(value.count()),
        grad_offsets(2 * points),
        grad_logits(points),
        workspace(ops::MsDeformAttnWorkspaceBytes(sizes)) {
    constexpr Real kPixels = 2;  // of a trained encoder
    GPU_CHECK(LaunchFillUniform(value.count(), 1, value.data(), nullptr));
    GPU_CHECK(LaunchFillUniform(grad_output.count(), 2, grad_output.data(), nullptr));
    GPU_CHECK(LaunchFillReference(sizes, levels, reference.data(), nullptr));
    GPU_CHECK(LaunchFillNormal<Real>(offsets.count(), 3, kPixels, offsets.data(), nullptr));
    GPU_CHECK(LaunchFillNormal<Real>(logits.count(), 4, 1, logits.data(), nullptr));
    GPU_CHECK(LaunchMakePlain(sizes, levels, reference.data(), offsets.data(), logits.data(), locations.data(),
                              weights.data(), nullptr));
  }

  // What has to be moved at least: each input read once, each result written once.
  double ForwardBytes(bool is_fused) const {
    const double reference_bytes = is_fused ? reference.bytes() : 0;
    return reference_bytes + value.bytes() + output.bytes() + offsets.bytes() + logits.bytes();
  }
  double BackwardBytes(bool is_fused) const {
    return ForwardBytes(is_fused) + grad_value.bytes() + grad_offsets.bytes() + grad_logits.bytes();
  }

  int64_t groups, points;
  Array<T> value, output, grad_output;
  Array<Real> reference, offsets, logits, locations, weights, grad_value, grad_offsets, grad_logits;
  Array<char> workspace;
};

// The largest difference of two arrays, relative to the largest element of the second.
template <typename T>
double LargestDifference(const Array<T>& one, const std::vector<T>& other) {
  const std::vector<T> host = one.ToHost();
  double largest = 0, difference = 0;
  for (size_t i = 0; i < host.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(other[i])));
    difference = std::max(difference, std::abs(static_cast<double>(host[i]) - static_cast<double>(other[i])));
  }
  return difference / largest;
}

// Times of the baseline in milliseconds; 0 where it does not have the type.
struct BaselineTimes {
  double forward = 0, backward = 0;
};

// The baseline also checks the kernels at this size, and they it: false where they differ.
bool TimeBaseline(const MsDeformAttnSizes& sizes, const BaselineLevels& levels, const Tensors<float>& t,
                  BaselineTimes* times) {
  const ops::MsDeformAttnInputs<float> inputs = {t.value.data(), t.locations.data(), t.weights.data()};
  const ops::MsDeformAttnGradients<float> gradients = {t.grad_value.data(), t.grad_offsets.data(),
                                                       t.grad_logits.data()};
  times->forward =
      Milliseconds([&] { GPU_CHECK(LaunchBaselineForward(sizes, levels, inputs, t.output.data(), nullptr)); });
  times->backward = Milliseconds([&] {
    t.grad_value.SetToZero();
    GPU_CHECK(LaunchBaselineBackward(sizes, levels, inputs, t.grad_output.data(), gradients, nullptr));
  });
  const std::vector<float> output = t.output.ToHost(), grad_value = t.grad_value.ToHost();
  GPU_CHECK(ops::LaunchMsDeformAttnForward(sizes, inputs, t.output.data(), nullptr));
  t.grad_value.SetToZero();
  GPU_CHECK(ops::LaunchMsDeformAttnBackward(sizes, inputs, t.grad_output.data(), gradients, nullptr, nullptr));
  // hundreds of float roundings
  constexpr double kTolerance = 1e-4;
  const double of_output = LargestDifference(t.output, output);
  const double of_gradient = LargestDifference(t.grad_value, grad_value);
  const bool is_equal = of_output < kTolerance && of_gradient < kTolerance;
  std::fprintf(stderr, "%s kernels and baseline differ by %.1e and %.1e of the largest element\n",
               is_equal ? "ok" : "FAIL", of_output, of_gradient);
  return is_equal;
}

template <typename T>
bool TimeType(const Setting& setting, const char* type, const BaselineLevels& levels, double copy) {
  using Real = MsDeformAttnReal<T>;
  const MsDeformAttnSizes sizes = SizesOf(setting);
  const Tensors<T> t(sizes, levels);
  bool is_good = true;
  BaselineTimes baseline;
  if constexpr (std::is_same_v<T, float>) is_good = TimeBaseline(sizes, levels, t, &baseline);
  const ops::MsDeformAttnInputs<T, Real> plain = {t.value.data(), t.locations.data(), t.weights.data()};
  const ops::MsDeformAttnFusedInputs<T, Real> fused = {t.value.data(), t.reference.data(), t.offsets.data(),
                                                       t.logits.data()};
  const ops::MsDeformAttnReferenceSizes reference = {1, 1, 2};
  const auto row = [&](const char* direction, bool is_fused, double ms) {
    const bool is_forward = std::string(direction).find("forward") != std::string::npos;
    PrintRow(std::string("ms_deform_attn, ") + setting.name + ", batch " + std::to_string(setting.batch), direction,
             type, ms, is_forward ? baseline.forward : baseline.backward,
             is_forward ? t.ForwardBytes(is_fused) : t.BackwardBytes(is_fused), copy);
  };
  row("forward", false,
      Milliseconds([&] { GPU_CHECK(ops::LaunchMsDeformAttnForward(sizes, plain, t.output.data(), nullptr)); }));
  row("fused forward", true, Milliseconds([&] {
        GPU_CHECK(ops::LaunchMsDeformAttnFusedForward(sizes, reference, fused, t.output.data(), nullptr));
      }));
  row("backward", false, Milliseconds([&] {
        t.grad_value.SetToZero();
        GPU_CHECK(ops::LaunchMsDeformAttnBackward<T>(sizes, plain, t.grad_output.data(),
                                                     {t.grad_value.data(), t.grad_offsets.data(), t.grad_logits.data()},
                                                     nullptr, nullptr));
      }));
  row("backward, deterministic", false, Milliseconds([&] {
        t.workspace.SetToZero();
        GPU_CHECK(ops::LaunchMsDeformAttnBackward<T>(sizes, plain, t.grad_output.data(),
                                                     {t.grad_value.data(), t.grad_offsets.data(), t.grad_logits.data()},
                                                     t.workspace.data(), nullptr));
      }));
  row("fused backward", true, Milliseconds([&] {
        t.grad_value.SetToZero();
        GPU_CHECK(ops::LaunchMsDeformAttnFusedBackward<T>(
            sizes, reference, fused, t.grad_output.data(),
            {t.grad_value.data(), nullptr, t.grad_offsets.data(), t.grad_logits.data()}, nullptr, nullptr));
      }));
  return is_good;
}

int Main() {
  RequireDevice();
  bool is_good = CheckKernels();
  const double copy = CopyBytesPerSecond();
  std::fprintf(stderr, "copying on the device reads and writes %.0f GB/s\n", copy * 1e-9);
  const Levels levels;
  for (const Setting& setting :
       {Setting{"encoder", 1, 0}, Setting{"encoder", 8, 0}, Setting{"decoder", 1, 1800}, Setting{"decoder", 8, 1800}}) {
    is_good &= TimeType<float>(setting, "float", levels.Get(), copy);
    is_good &= TimeType<double>(setting, "double", levels.Get(), copy);
    is_good &= TimeType<__half>(setting, "half", levels.Get(), copy);
    is_good &= TimeType<__nv_bfloat16>(setting, "bfloat16", levels.Get(), copy);
  }
  return is_good ? 0 : kFailed;
}

}  // namespace
}  // namespace gpu

int main() { return gpu::Main(); }
