// The launches, linked with CUDA's runtime alone. On a machine with a GPU, the kernels against the reference.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/ms_deform_attn/ms_deform_attn_problems.h"

namespace ops::testing {
namespace {

bool HasDevice() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

#define ASSERT_CUDA(call)                                                        \
  do {                                                                           \
    const cudaError_t error = call;                                              \
    ASSERT_EQ(error, cudaSuccess) << #call << ": " << cudaGetErrorString(error); \
  } while (false)

// A copy of a guarded array on the device, guards included. Freed with the process.
template <typename T>
class OnDevice {
 public:
  explicit OnDevice(const Guarded<T>& host) : bytes_((host.count() + 2 * kGuard) * sizeof(T)) {
    EXPECT_EQ(cudaMalloc(&memory_, bytes_), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(memory_, host.data() - kGuard, bytes_, cudaMemcpyHostToDevice), cudaSuccess);
  }
  ~OnDevice() { cudaFree(memory_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  T* data() const { return static_cast<T*>(memory_) + kGuard; }
  void CopyTo(Guarded<T>* host) const {
    EXPECT_EQ(cudaMemcpy(host->data() - kGuard, memory_, bytes_, cudaMemcpyDeviceToHost), cudaSuccess);
  }

 private:
  static constexpr size_t kGuard = Guarded<T>::kGuard;
  size_t bytes_;
  void* memory_ = nullptr;
};

template <typename T>
void ExpectEqualToReference(const Problem& problem, double output_tolerance, double gradient_tolerance) {
  SCOPED_TRACE(Describe(problem.sizes));
  using Real = MsDeformAttnReal<T>;
  const MsDeformAttnSizes sizes = SizesOf(problem);
  Results<T, Real> results(problem);
  // what the caller of the backward launch promises
  std::fill_n(results.grad_value.data(), results.grad_value.count(), Real(0));
  const OnDevice<T> value(Input<T>(problem.value)), grad_output(Input<T>(problem.grad_output)), output(results.output);
  const OnDevice<Real> locations(Input<Real>(problem.locations)), weights(Input<Real>(problem.weights)),
      grad_value(results.grad_value), grad_locations(results.grad_locations), grad_weights(results.grad_weights);
  const MsDeformAttnInputs<T, Real> inputs = {value.data(), locations.data(), weights.data()};
  ASSERT_CUDA(LaunchMsDeformAttnForward(sizes, inputs, output.data(), nullptr));
  ASSERT_CUDA(LaunchMsDeformAttnBackward<T>(sizes, inputs, grad_output.data(),
                                            {grad_value.data(), grad_locations.data(), grad_weights.data()}, nullptr));
  ASSERT_CUDA(cudaDeviceSynchronize());
  output.CopyTo(&results.output);
  grad_value.CopyTo(&results.grad_value);
  grad_locations.CopyTo(&results.grad_locations);
  grad_weights.CopyTo(&results.grad_weights);
  ExpectNear(results, EvaluateReference(problem), output_tolerance, gradient_tolerance);
}

TEST(MsDeformAttnCudaKernelsTest, EqualTheReference) {
  if (!HasDevice()) GTEST_SKIP() << "no CUDA device here";
  for (int64_t channels : {1, 2, 7, 8, 30, 32, 33, 64, 71, 256, 1025}) {
    const Problem problem = MakeProblem(2, 3, channels, {7, 5, 2, 1}, 51, 4);
    ExpectEqualToReference<float>(problem, kFloatTolerance, kFloatTolerance);
    ExpectEqualToReference<double>(problem, kDoubleTolerance, kDoubleTolerance);
    ExpectEqualToReference<__half>(Stored<__half>(problem), 0x1p-11, kFloatTolerance);
    ExpectEqualToReference<__nv_bfloat16>(Stored<__nv_bfloat16>(problem), 0x1p-8, kFloatTolerance);
    if (HasFatalFailure()) return;
  }
}

TEST(MsDeformAttnCudaKernelsTest, NothingToDoLaunchesNothing) {
  const Problem problem = MakeProblem(2, 2, 5, {3, 4}, 0, 2);
  EXPECT_EQ(LaunchMsDeformAttnForward<float>(SizesOf(problem), {}, nullptr, nullptr), cudaSuccess);
  EXPECT_EQ(LaunchMsDeformAttnBackward<float>(SizesOf(problem), {}, nullptr, {}, nullptr), cudaSuccess);
}

TEST(MsDeformAttnCudaKernelsTest, ALaunchSaysThatThereIsNoDevice) {
  if (HasDevice()) GTEST_SKIP() << "there is a CUDA device here";
  const Problem problem = MakeProblem(2, 2, 5, {3, 4}, 6, 2);
  EXPECT_NE(LaunchMsDeformAttnForward<float>(SizesOf(problem), {}, nullptr, nullptr), cudaSuccess);
  EXPECT_NE(LaunchMsDeformAttnBackward<double>(SizesOf(problem), {}, nullptr, {}, nullptr), cudaSuccess);
}

TEST(MsDeformAttnCudaKernelsTest, MoreBlocksThanAGridHasAreRefused) {
  Problem problem = MakeProblem(0, 1, 1, {1, 1}, 0, 1);
  MsDeformAttnSizes sizes = SizesOf(problem);
  sizes.batch = 1;
  // 256 threads a block, one a query
  sizes.queries = (int64_t{1} << 31) * 256;
  EXPECT_EQ(LaunchMsDeformAttnForward<float>(sizes, {}, nullptr, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(LaunchMsDeformAttnBackward<float>(sizes, {}, nullptr, {}, nullptr), cudaErrorInvalidConfiguration);
}

}  // namespace
}  // namespace ops::testing
