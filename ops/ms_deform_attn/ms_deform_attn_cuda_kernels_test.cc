// The launches, linked with CUDA's runtime alone. On a machine with a GPU, the kernels against the reference; on every
// machine the emulator runs them (ms_deform_attn_cuda_emulated_test.cc).
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "ops/ms_deform_attn/ms_deform_attn_cuda_checks.h"

namespace ops::testing {
namespace {

bool HasDevice() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

TEST(MsDeformAttnCudaKernelsTest, EqualTheReference) {
  if (!HasDevice()) GTEST_SKIP() << "no CUDA device here";
  for (int64_t channels : {1, 2, 7, 8, 30, 32, 33, 64, 71, 256, 1025}) {
    ASSERT_EQ(CheckAll(MakeProblem(2, 3, channels, {7, 5, 2, 1}, 51, 4)), "");
  }
}

TEST(MsDeformAttnCudaKernelsTest, NothingToDoLaunchesNothing) {
  const Problem problem = MakeProblem(2, 2, 5, {3, 4}, 0, 2);
  EXPECT_EQ(LaunchMsDeformAttnForward<float>(SizesOf(problem), {}, nullptr, nullptr), cudaSuccess);
  EXPECT_EQ(LaunchMsDeformAttnBackward<float>(SizesOf(problem), {}, nullptr, {}, nullptr, nullptr), cudaSuccess);
}

TEST(MsDeformAttnCudaKernelsTest, ALaunchSaysThatThereIsNoDevice) {
  if (HasDevice()) GTEST_SKIP() << "there is a CUDA device here";
  const Problem problem = MakeProblem(2, 2, 5, {3, 4}, 6, 2);
  EXPECT_NE(LaunchMsDeformAttnForward<float>(SizesOf(problem), {}, nullptr, nullptr), cudaSuccess);
  EXPECT_NE(LaunchMsDeformAttnFusedForward<__half>(SizesOf(problem), {2, 1, 2}, {}, nullptr, nullptr), cudaSuccess);
  EXPECT_NE(LaunchMsDeformAttnBackward<double>(SizesOf(problem), {}, nullptr, {}, nullptr, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace ops::testing
