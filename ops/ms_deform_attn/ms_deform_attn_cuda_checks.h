// Runs the launches of ms_deform_attn_cuda.h on the problems of tests, on a device or on the emulator, and compares
// them with the reference. Without GoogleTest, for a program that is built where there is none.
//
//   const std::string difference = CheckPlain<float>(MakeProblem(...), kNormal);   // empty: equal
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_CHECKS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_CHECKS_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/ms_deform_attn/ms_deform_attn_random_problems.h"

#ifdef OPS_CUDA_EMULATED
#include "ops/cuda_emulator/cuda_emulator.h"
#endif

namespace ops::testing {

// What went wrong first; empty while nothing has.
class Verdict {
 public:
  void Expect(cudaError_t error, const std::string& call) {
    if (error == cudaSuccess || !text_.empty()) return;
    text_ = call + " failed with error " + std::to_string(error);
#ifdef OPS_CUDA_EMULATED
    text_ += ": " + cuda_emulator::LastFault();
#else
    text_ += std::string(": ") + cudaGetErrorString(error);
#endif
  }
  void Add(const std::string& text) {
    if (text_.empty()) text_ = text;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A guarded array where kernels can use it, guards included.
template <typename T>
class DeviceArray {
 public:
  DeviceArray(Guarded<T> host, Verdict* verdict) : host_(std::move(host)), verdict_(verdict) {
#ifndef OPS_CUDA_EMULATED
    verdict_->Expect(cudaMalloc(&memory_, bytes()), "cudaMalloc");
    verdict_->Expect(cudaMemcpy(memory_, begin(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
#endif
  }
  ~DeviceArray() {
#ifndef OPS_CUDA_EMULATED
    cudaFree(memory_);
#endif
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() {
#ifdef OPS_CUDA_EMULATED
    return host_.data();
#else
    return static_cast<T*>(memory_) + Guarded<T>::kGuard;
#endif
  }

  // What kernels have left there; waits for them.
  std::vector<double> Values(const char* name) {
#ifndef OPS_CUDA_EMULATED
    verdict_->Expect(cudaMemcpy(begin(), memory_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
#endif
    if (!host_.GuardsHold()) verdict_->Add(std::string(name) + " is written beyond its ends");
    std::vector<double> values;
    for (size_t i = 0; i < host_.count(); ++i) values.push_back(static_cast<double>(host_.data()[i]));
    return values;
  }

 private:
  T* begin() { return host_.data() - Guarded<T>::kGuard; }
  size_t bytes() const { return (host_.count() + 2 * Guarded<T>::kGuard) * sizeof(T); }

  Guarded<T> host_;
  Verdict* verdict_;
  void* memory_ = nullptr;
};

struct NamedValues {
  const char* name;
  std::vector<double> values;
};

// Output and gradients of one call, in the order of its arguments.
using CudaResults = std::vector<NamedValues>;

enum class Sums { kAtomic, kDeterministic };

// The gradient of the value as the caller of a launch has to hand it over, and the workspace.
template <typename Real>
struct ValueGradient {
  ValueGradient(const Problem& problem, Sums sums, Verdict* verdict)
      : gradient(sums == Sums::kAtomic ? Guarded<Real>(std::vector<Real>(problem.value.size()), Real(-kPoison))
                                       : Output<Real>(problem.value.size()),
                 verdict),
        workspace(
            Guarded<int64_t>(std::vector<int64_t>(MsDeformAttnWorkspaceBytes(SizesOf(problem)) / sizeof(int64_t)), -1),
            verdict),
        memory(sums == Sums::kAtomic ? nullptr : workspace.data()) {}
  DeviceArray<Real> gradient;
  DeviceArray<int64_t> workspace;
  void* memory;
};

template <typename T>
CudaResults EvaluatePlain(const Problem& problem, Sums sums, Verdict* verdict) {
  using Real = MsDeformAttnReal<T>;
  const MsDeformAttnSizes sizes = SizesOf(problem);
  DeviceArray<T> value(Input<T>(problem.value), verdict), grad_output(Input<T>(problem.grad_output), verdict),
      output(Output<T>(problem.outputs()), verdict);
  DeviceArray<Real> locations(Input<Real>(problem.locations), verdict), weights(Input<Real>(problem.weights), verdict),
      grad_locations(Output<Real>(problem.locations.size()), verdict),
      grad_weights(Output<Real>(problem.weights.size()), verdict);
  ValueGradient<Real> grad_value(problem, sums, verdict);
  const MsDeformAttnInputs<T, Real> inputs = {value.data(), locations.data(), weights.data()};
  verdict->Expect(LaunchMsDeformAttnForward(sizes, inputs, output.data(), nullptr), "forward");
  verdict->Expect(
      LaunchMsDeformAttnBackward<T>(sizes, inputs, grad_output.data(),
                                    {grad_value.gradient.data(), grad_locations.data(), grad_weights.data()},
                                    grad_value.memory, nullptr),
      "backward");
  return {{"output", output.Values("output")},
          {"grad_value", grad_value.gradient.Values("grad_value")},
          {"grad_locations", grad_locations.Values("grad_locations")},
          {"grad_weights", grad_weights.Values("grad_weights")}};
}

template <typename T>
CudaResults EvaluateFused(const FusedProblem& problem, Sums sums, Verdict* verdict, bool wants_reference = true) {
  using Real = MsDeformAttnReal<T>;
  const Problem& plain = problem.plain;
  const MsDeformAttnSizes sizes = SizesOf(plain);
  DeviceArray<T> value(Input<T>(plain.value), verdict), grad_output(Input<T>(plain.grad_output), verdict),
      output(Output<T>(plain.outputs()), verdict);
  DeviceArray<Real> reference(Input<Real>(problem.reference), verdict), offsets(Input<Real>(problem.offsets), verdict),
      logits(Input<Real>(problem.logits), verdict), grad_reference(Output<Real>(problem.reference.size()), verdict),
      grad_offsets(Output<Real>(problem.offsets.size()), verdict),
      grad_logits(Output<Real>(problem.logits.size()), verdict);
  ValueGradient<Real> grad_value(plain, sums, verdict);
  const MsDeformAttnFusedInputs<T, Real> inputs = {value.data(), reference.data(), offsets.data(), logits.data()};
  verdict->Expect(LaunchMsDeformAttnFusedForward(sizes, problem.reference_sizes, inputs, output.data(), nullptr),
                  "fused forward");
  const MsDeformAttnFusedGradients<Real> gradients = {grad_value.gradient.data(),
                                                      wants_reference ? grad_reference.data() : nullptr,
                                                      grad_offsets.data(), grad_logits.data()};
  verdict->Expect(LaunchMsDeformAttnFusedBackward<T>(sizes, problem.reference_sizes, inputs, grad_output.data(),
                                                     gradients, grad_value.memory, nullptr),
                  "fused backward");
  CudaResults results = {{"output", output.Values("output")},
                         {"grad_value", grad_value.gradient.Values("grad_value")},
                         {"grad_offsets", grad_offsets.Values("grad_offsets")},
                         {"grad_logits", grad_logits.Values("grad_logits")}};
  if (wants_reference) results.push_back({"grad_reference", grad_reference.Values("grad_reference")});
  return results;
}

inline CudaResults PlainReference(const Problem& problem) {
  CudaResults results = {{"output", std::vector<double>(problem.outputs())},
                         {"grad_value", std::vector<double>(problem.value.size())},
                         {"grad_locations", std::vector<double>(problem.locations.size())},
                         {"grad_weights", std::vector<double>(problem.weights.size())}};
  const MsDeformAttnInputs<double> inputs = {problem.value.data(), problem.locations.data(), problem.weights.data()};
  MsDeformAttnReferenceForward(SizesOf(problem), inputs, results[0].values.data());
  MsDeformAttnReferenceBackward(SizesOf(problem), inputs, problem.grad_output.data(),
                                {results[1].values.data(), results[2].values.data(), results[3].values.data()});
  return results;
}

inline CudaResults FusedReference(const FusedProblem& problem) {
  const Problem& plain = problem.plain;
  CudaResults results = {{"output", std::vector<double>(plain.outputs())},
                         {"grad_value", std::vector<double>(plain.value.size())},
                         {"grad_offsets", std::vector<double>(problem.offsets.size())},
                         {"grad_logits", std::vector<double>(problem.logits.size())},
                         {"grad_reference", std::vector<double>(problem.reference.size())}};
  const MsDeformAttnFusedInputs<double> inputs = {plain.value.data(), problem.reference.data(), problem.offsets.data(),
                                                  problem.logits.data()};
  MsDeformAttnFusedReferenceForward(SizesOf(plain), problem.reference_sizes, inputs, results[0].values.data());
  MsDeformAttnFusedReferenceBackward(
      SizesOf(plain), problem.reference_sizes, inputs, plain.grad_output.data(),
      {results[1].values.data(), results[4].values.data(), results[2].values.data(), results[3].values.data()});
  return results;
}

// The first difference of more than the tolerance times the largest wanted element.
inline std::string Difference(const CudaResults& found, const CudaResults& wanted, double output_tolerance,
                              double gradient_tolerance) {
  for (size_t r = 0; r < found.size(); ++r) {
    double largest = 0;
    for (double x : wanted[r].values) largest = std::max(largest, std::abs(x));
    const double tolerance = (r == 0 ? output_tolerance : gradient_tolerance) * largest;
    for (size_t i = 0; i < wanted[r].values.size(); ++i) {
      const double one = found[r].values[i], other = wanted[r].values[i];
      if (std::abs(one - other) <= tolerance) continue;
      return std::string(found[r].name) + " at " + std::to_string(i) + " is " + std::to_string(one) + ", expected " +
             std::to_string(other) + ", the largest being " + std::to_string(largest);
    }
  }
  return "";
}

// What T may differ from the reference in double: sums are in float, the output is rounded to 11 and to 8 bits once.
template <typename T>
constexpr double kOutputTolerance = std::is_same_v<T, double>   ? kDoubleTolerance
                                    : std::is_same_v<T, __half> ? 0x1p-11
                                    : std::is_same_v<T, float>  ? kFloatTolerance
                                                                : 0x1p-8;

template <typename T>
std::string CheckPlain(const Problem& given, Sums sums) {
  constexpr double kSums = std::is_same_v<T, double> ? kDoubleTolerance : kFloatTolerance;
  const Problem problem = Stored<T>(given);
  Verdict verdict;
  const CudaResults found = EvaluatePlain<T>(problem, sums, &verdict);
  verdict.Add(Difference(found, PlainReference(problem), kOutputTolerance<T>, kSums));
  return verdict.text().empty() ? "" : Describe(problem.sizes) + ": " + verdict.text();
}

// Reference points and offsets are rounded apart, so places of points have an error of their own: a few roundings of
// the level's size.
constexpr double kOfPlaces = 4;

template <typename T>
std::string CheckFused(const FusedProblem& given, Sums sums, bool wants_reference = true) {
  constexpr double kSums = kOfPlaces * (std::is_same_v<T, double> ? kDoubleTolerance : kFloatTolerance);
  FusedProblem problem = given;
  problem.plain = Stored<T>(problem.plain);
  const CudaResults wanted = FusedReference(problem);
  Verdict verdict;
  const CudaResults found = EvaluateFused<T>(problem, sums, &verdict, wants_reference);
  verdict.Add(Difference(found, wanted, kOfPlaces * kOutputTolerance<T>, kSums));
  const MsDeformAttnReferenceSizes& reference = problem.reference_sizes;
  return verdict.text().empty() ? ""
                                : Describe(problem.plain.sizes) + ", reference " + std::to_string(reference.batch) +
                                      " x " + std::to_string(reference.levels) + " x " +
                                      std::to_string(reference.coordinates) + ": " + verdict.text();
}

// Both entries, every type.
inline std::string CheckAll(const Problem& problem, Sums sums) {
  const MsDeformAttnSizes& sizes = problem.sizes;
  Verdict verdict;
  const auto check = [&](auto type, const char* name) {
    using T = decltype(type);
    const auto add = [&](const std::string& text) {
      if (!text.empty()) verdict.Add(std::string(name) + (sums == Sums::kAtomic ? ", " : ", deterministic, ") + text);
    };
    add(CheckPlain<T>(problem, sums));
    add(CheckFused<T>(MakeFusedProblem(problem, {1, 1, 2}), sums));
    add(CheckFused<T>(MakeFusedProblem(problem, {sizes.batch, sizes.levels, 4}), sums));
  };
  check(float(), "float");
  check(double(), "double");
  check(__half(), "half");
  check(__nv_bfloat16(), "bfloat16");
  return verdict.text();
}

// Both ways of summing, too.
inline std::string CheckAll(const Problem& problem) {
  const std::string difference = CheckAll(problem, Sums::kAtomic);
  return difference.empty() ? CheckAll(problem, Sums::kDeterministic) : difference;
}

}  // namespace ops::testing

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_CHECKS_H_
