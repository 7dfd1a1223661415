// The CUDA kernels' own source, run on the CPU by the launch emulator, against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ops/cuda_emulator/cuda_emulator.h"
#include "ops/group_attention/group_attention_cuda_checks.h"

namespace ops::testing {
namespace {

constexpr GroupAttentionAlong kInstances = GroupAttentionAlong::kInstances,
                              kKeypoints = GroupAttentionAlong::kKeypoints;

class GroupAttentionCudaEmulatedTest : public ::testing::Test {
 protected:
  void TearDown() override { cuda_emulator::SetOrder(0); }
};

TEST_F(GroupAttentionCudaEmulatedTest, Lengths) {
  for (int64_t length : {1, 2, 3, 4, 5, 17, 18, 31, 32, 33, 34, 63, 64, 65}) {
    cuda_emulator::SetOrder(static_cast<uint64_t>(length));
    EXPECT_EQ(CheckAll(MakeProblem(1, 2, length, 2, 5, kKeypoints)), "");
    EXPECT_EQ(CheckAll(MakeProblem(1, length, 2, 1, 8, kInstances)), "");
    if (HasFailure()) return;
  }
}

TEST_F(GroupAttentionCudaEmulatedTest, NumbersOfChannels) {
  for (int64_t channels : {1, 2, 3, 8, 15, 16, 24, 31, 32, 33, 64, 65, 128}) {
    cuda_emulator::SetOrder(static_cast<uint64_t>(channels));
    EXPECT_EQ(CheckAll(MakeProblem(2, 3, 7, 2, channels, kKeypoints)), "");
    if (HasFailure()) return;
  }
}

// Lengths and channels of the published model and of the study, of a few sequences.
TEST_F(GroupAttentionCudaEmulatedTest, SizesOfTheModels) {
  EXPECT_EQ(CheckAll(MakeProblem(1, 2, 18, 2, 32, kKeypoints)), "");
  EXPECT_EQ(CheckAll(MakeProblem(2, 2, 18, 2, 16, kKeypoints)), "");
  EXPECT_EQ(CheckAll(MakeProblem(2, 16, 2, 2, 16, kInstances)), "");
  const Problem across = MakeProblem(1, 100, 1, 2, 32, kInstances);
  EXPECT_EQ(CheckType<float>(across, EvaluateReference(across)), "");
}

// Nothing depends on which block or thread comes first, and so no sum does.
TEST_F(GroupAttentionCudaEmulatedTest, SameBitsInAnyOrder) {
  const Problem problem = MakeProblem(1, 3, 37, 2, 9, kKeypoints);
  cudaError_t error = cudaSuccess;
  const Results<float> wanted = EvaluateOnDevice<float>(problem, &error);
  for (uint64_t seed : {1, 2, 3}) {
    cuda_emulator::SetOrder(seed);
    const Results<float> found = EvaluateOnDevice<float>(problem, &error);
    ASSERT_EQ(error, cudaSuccess) << cuda_emulator::LastFault();
    EXPECT_EQ(std::memcmp(found.output.data(), wanted.output.data(), wanted.output.size() * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(found.grad_qkv.data(), wanted.grad_qkv.data(), wanted.grad_qkv.size() * sizeof(float)), 0);
  }
}

TEST_F(GroupAttentionCudaEmulatedTest, NothingToDo) {
  for (GroupAttentionAlong along : {kInstances, kKeypoints}) {
    EXPECT_EQ(CheckAll(MakeProblem(0, 3, 4, 2, 8, along)), "");
    EXPECT_EQ(CheckAll(MakeProblem(2, 0, 4, 2, 8, along)), "");
    EXPECT_EQ(CheckAll(MakeProblem(2, 3, 0, 2, 8, along)), "");
  }
}

TEST_F(GroupAttentionCudaEmulatedTest, NaNStaysInItsSequence) {
  Problem problem = MakeProblem(1, 2, 9, 1, 8, kKeypoints);
  problem.qkv[3 * problem.strides.keypoint + 8 + 2] = std::nan("");  // a key of the first instance
  cudaError_t error = cudaSuccess;
  const Results<float> results = EvaluateOnDevice<float>(problem, &error);
  ASSERT_EQ(error, cudaSuccess) << cuda_emulator::LastFault();
  for (size_t i = 0; i < results.output.size(); ++i) EXPECT_EQ(std::isnan(results.output[i]), i < 9 * 8) << i;
  for (size_t i = 0; i < results.grad_qkv.size(); ++i) {
    if (i >= 9 * 24) {
      EXPECT_FALSE(std::isnan(results.grad_qkv[i])) << i;
    }
  }
}

TEST(GroupAttentionCudaFitsTest, WhatFitsTheSharedMemoryOfABlock) {
  const auto fits = [](int64_t length, int64_t channels) {
    return GroupAttentionCudaFits<float>({1, 1, length, 8, channels, kKeypoints});
  };
  EXPECT_TRUE(fits(100, 32));
  EXPECT_TRUE(fits(114, 32));
  EXPECT_FALSE(fits(115, 32));
  EXPECT_FALSE(fits(1800, 32));
  EXPECT_FALSE(fits(int64_t{1} << 40, 32));
  EXPECT_FALSE(fits(1, int64_t{1} << 40));
  EXPECT_TRUE(GroupAttentionCudaFits<double>({1, 1, 18, 8, 32, kKeypoints}));
  EXPECT_FALSE(GroupAttentionCudaFits<double>({1, 1, 100, 8, 32, kKeypoints}));
  EXPECT_FALSE(GroupAttentionCudaFits<float>({int64_t{1} << 30, 2, 18, 8, 32, kKeypoints}));
}

}  // namespace
}  // namespace ops::testing
