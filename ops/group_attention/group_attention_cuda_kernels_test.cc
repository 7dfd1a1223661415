// The launches, linked with CUDA's runtime alone. On a machine with a GPU, the kernels against the reference; on every
// machine the emulator runs them (group_attention_cuda_emulated_test.cc).
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "ops/group_attention/group_attention_cuda_checks.h"

namespace ops::testing {
namespace {

bool HasDevice() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

TEST(GroupAttentionCudaKernelsTest, EqualTheReference) {
  if (!HasDevice()) GTEST_SKIP() << "no CUDA device here";
  for (GroupAttentionAlong along : {GroupAttentionAlong::kInstances, GroupAttentionAlong::kKeypoints}) {
    for (int64_t channels : {1, 7, 16, 32, 33, 64}) {
      EXPECT_EQ(CheckAll(MakeProblem(2, 20, 18, 3, channels, along)), "");
    }
    const Problem published = MakeProblem(1, 100, 18, 8, 32, along);
    EXPECT_EQ(CheckType<float>(published, EvaluateReference(published)), "");
  }
}

TEST(GroupAttentionCudaKernelsTest, ALaunchSaysThatThereIsNoDevice) {
  if (HasDevice()) GTEST_SKIP() << "there is a CUDA device here";
  const GroupAttentionSizes sizes = {1, 2, 3, 1, 8, GroupAttentionAlong::kKeypoints};
  const float* qkv = nullptr;
  EXPECT_NE(LaunchGroupAttentionForward<float>(sizes, {}, qkv, nullptr, nullptr), cudaSuccess);
  EXPECT_NE(LaunchGroupAttentionBackward<float>(sizes, {}, qkv, qkv, nullptr, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace ops::testing
