#include "ops/cuda_emulator/cuda_emulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include "ops/cuda_emulator/cuda_launch.h"

namespace ops::cuda_emulator {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

constexpr unsigned kAllLanes = 0xffffffff;

template <typename... Parameters, typename... Arguments>
cudaError_t LaunchOn(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments) {
  return Launch(kernel, grid, block, /*shared_bytes=*/0, /*stream=*/nullptr, arguments...);
}

class CudaEmulatorTest : public ::testing::Test {
 protected:
  void TearDown() override { SetOrder(0); }
};

__global__ void NumberThreads(int* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[i] += static_cast<int>(i) + 1;
}

TEST_F(CudaEmulatorTest, EveryThreadRunsOnceInEveryOrder) {
  for (uint64_t seed : {0, 1, 2}) {
    SetOrder(seed);
    std::vector<int> found(2 * 3 * 2 * 5 * 2 * 3), wanted(found.size());
    std::iota(wanted.begin(), wanted.end(), 1);
    ASSERT_EQ(LaunchOn(NumberThreads, dim3(2, 3, 2), dim3(5, 2, 3), found.data()), cudaSuccess);
    EXPECT_EQ(found, wanted);
  }
}

// The classic tree, in static shared memory; `kHasBarriers` false is what the programmer forgot.
template <bool kHasBarriers>
__global__ void SumInSharedMemory(const int* in, int* out) {
  __shared__ int partial[128];
  partial[threadIdx.x] = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (unsigned distance = blockDim.x / 2; distance > 0; distance /= 2) {
    if (kHasBarriers) __syncthreads();
    if (threadIdx.x < distance) partial[threadIdx.x] += partial[threadIdx.x + distance];
  }
  if (threadIdx.x == 0) out[blockIdx.x] = partial[0];
}

TEST_F(CudaEmulatorTest, BarriersOrderSharedMemory) {
  std::vector<int> in(4 * 128);
  std::iota(in.begin(), in.end(), 1);
  std::vector<int> wanted;
  for (int block = 0; block < 4; ++block) wanted.push_back(128 * 128 * block + 128 * 129 / 2);
  for (uint64_t seed : {0, 1, 2, 3}) {
    SetOrder(seed);
    std::vector<int> with(4), without(4);
    ASSERT_EQ(LaunchOn(SumInSharedMemory<true>, dim3(4), dim3(128), in.data(), with.data()), cudaSuccess);
    EXPECT_EQ(with, wanted) << "seed " << seed;
    ASSERT_EQ(LaunchOn(SumInSharedMemory<false>, dim3(4), dim3(128), in.data(), without.data()), cudaSuccess);
    EXPECT_NE(without, wanted) << "seed " << seed;
  }
}

__global__ void ReverseInDynamicMemory(const float* in, float* out, bool* was_nan) {
  float* buffer = DynamicShared<float>();
  was_nan[threadIdx.x] = std::isnan(buffer[threadIdx.x]);
  __syncthreads();
  buffer[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = buffer[blockDim.x - 1 - threadIdx.x];
}

TEST_F(CudaEmulatorTest, DynamicMemoryStartsAsNaNs) {
  const float in[] = {1, 2, 3, 4, 5};
  float out[5];
  bool was_nan[5] = {};
  ASSERT_EQ(Launch(ReverseInDynamicMemory, dim3(2), dim3(5), sizeof(in), nullptr, in, out, was_nan), cudaSuccess);
  EXPECT_THAT(out, ::testing::ElementsAre(5, 4, 3, 2, 1));
  EXPECT_THAT(was_nan, Each(true));
}

struct Exchanged {
  int xor_3, down_2, from_5, in_quarters;
  double half;
  unsigned ballot;
};

__global__ void ExchangeAll(Exchanged* out) {
  const int lane = static_cast<int>(threadIdx.x % warpSize), value = 100 + static_cast<int>(threadIdx.x);
  Exchanged& own = out[threadIdx.x];
  own.xor_3 = __shfl_xor_sync(kAllLanes, value, 3);
  own.down_2 = __shfl_down_sync(kAllLanes, value, 2);
  own.from_5 = __shfl_sync(kAllLanes, value, 5);
  own.in_quarters = __shfl_down_sync(kAllLanes, value, 7, 8);
  own.half = __shfl_xor_sync(kAllLanes, value / 2.0, 1);
  __syncwarp();
  own.ballot = __ballot_sync(kAllLanes, lane % 3 == 0);
}

TEST_F(CudaEmulatorTest, WarpExchanges) {
  for (uint64_t seed : {0, 1}) {
    SetOrder(seed);
    std::vector<Exchanged> found(64);
    ASSERT_EQ(LaunchOn(ExchangeAll, dim3(1), dim3(64), found.data()), cudaSuccess) << LastFault();
    for (int i = 0; i < 64; ++i) {
      const int lane = i % 32, warp = i - lane;
      EXPECT_EQ(found[i].xor_3, 100 + (i ^ 3));
      EXPECT_EQ(found[i].down_2, 100 + (lane < 30 ? i + 2 : i));
      EXPECT_EQ(found[i].from_5, 100 + warp + 5);
      EXPECT_EQ(found[i].in_quarters, 100 + (lane % 8 == 0 ? i + 7 : i));
      EXPECT_EQ(found[i].half, (100 + (i ^ 1)) / 2.0);
      EXPECT_EQ(found[i].ballot, 0x49249249u);
    }
  }
}

// Two halves of a warp, each with its own mask and its own number of turns.
__global__ void SumInHalves(int* out) {
  const unsigned half = threadIdx.x / 16;
  const unsigned mask = half == 0 ? 0x0000ffff : 0xffff0000;
  int sum = 1;
  for (unsigned turn = 0; turn < half + 1; ++turn) sum += __shfl_xor_sync(mask, sum, 1);
  out[threadIdx.x] = sum;
}

TEST_F(CudaEmulatorTest, PartsOfAWarpExchangeOnTheirOwn) {
  std::vector<int> found(32);
  ASSERT_EQ(LaunchOn(SumInHalves, dim3(1), dim3(32), found.data()), cudaSuccess) << LastFault();
  for (int i = 0; i < 32; ++i) EXPECT_EQ(found[i], i < 16 ? 2 : 4);
}

struct Counters {
  float real;
  double wide;
  int signed_one;
  unsigned long long wrapping;
  unsigned largest;
  float4 four;
  __half2 halves;
  __nv_bfloat162 brains;
};

__global__ void CountThreads(Counters* out) {
  atomicAdd(&out->real, 0.5f);
  atomicAdd(&out->wide, 0.25);
  atomicAdd(&out->signed_one, -1);
  atomicAdd(&out->wrapping, ~0ull);
  atomicMax(&out->largest, threadIdx.x);
  atomicAdd(&out->four, make_float4(1, 2, 3, 4));
  atomicAdd(&out->halves, __floats2half2_rn(1, 2));
  atomicAdd(&out->brains, __floats2bfloat162_rn(3, 4));
}

TEST_F(CudaEmulatorTest, Atomics) {
  Counters out = {};
  ASSERT_EQ(LaunchOn(CountThreads, dim3(2), dim3(10), &out), cudaSuccess);
  EXPECT_EQ(out.real, 10);
  EXPECT_EQ(out.wide, 5);
  EXPECT_EQ(out.signed_one, -20);
  EXPECT_EQ(out.wrapping, -20ull);
  EXPECT_EQ(out.largest, 9);
  EXPECT_EQ(out.four.w, 80);
  EXPECT_EQ(__high2float(out.halves), 40);
  EXPECT_EQ(__low2float(out.brains), 60);
}

__global__ void AddInOrder(const float* in, float* sum) { atomicAdd(sum, in[blockIdx.x * blockDim.x + threadIdx.x]); }

TEST_F(CudaEmulatorTest, AResultThatDependsOnTheOrderIsSeen) {
  std::vector<float> in;
  for (int i = 0; i < 256; ++i) in.push_back(std::exp(0.1f * static_cast<float>(i)));
  std::set<float> sums, again;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    for (std::set<float>* to : {&sums, &again}) {
      SetOrder(seed);
      float sum = 0;
      ASSERT_EQ(LaunchOn(AddInOrder, dim3(8), dim3(32), in.data(), &sum), cudaSuccess);
      to->insert(sum);
    }
  }
  EXPECT_GT(sums.size(), 1);
  EXPECT_EQ(sums, again);
}

// ---- what is refused

__global__ void DivergentBarriers() {
  if (threadIdx.x < 3) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_F(CudaEmulatorTest, BarriersOnDifferentLines) {
  EXPECT_EQ(LaunchOn(DivergentBarriers, dim3(1), dim3(8)), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(),
              AllOf(HasSubstr("block (0,0,0), thread (3,0,0) in __syncthreads at"),
                    HasSubstr("thread (0,0,0) waits in __syncthreads at"), HasSubstr("cuda_emulator_test.cc:")));
}

__global__ void BarrierAndExchange() {
  if (threadIdx.x == 1) {
    __syncthreads();
  } else {
    __shfl_xor_sync(0xd, 1, 0);
    __syncthreads();
  }
}

TEST_F(CudaEmulatorTest, ABarrierThatOnlySomeReachFirst) {
  EXPECT_EQ(LaunchOn(BarrierAndExchange, dim3(1), dim3(4)), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(), HasSubstr("waits in __syncthreads"));
}

__global__ void ExchangeWith(unsigned mask, unsigned ended, int source) {
  if (threadIdx.x == ended) return;
  __shfl_sync(mask, 1, source);
}

TEST_F(CudaEmulatorTest, LanesThatCannotCome) {
  constexpr unsigned kNobody = 99;
  EXPECT_EQ(LaunchOn(ExchangeWith, dim3(1), dim3(32), kAllLanes, kNobody, 0), cudaSuccess);
  EXPECT_EQ(LaunchOn(ExchangeWith, dim3(1), dim3(32), kAllLanes, 7u, 0), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(), AllOf(HasSubstr("in __shfl_sync"), HasSubstr("lane 7 of its mask has ended")));
  // the last one ends when all others wait already
  EXPECT_EQ(LaunchOn(ExchangeWith, dim3(1), dim3(32), kAllLanes, 31u, 0), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(), HasSubstr("lane 31 of its mask has ended"));
  EXPECT_EQ(LaunchOn(ExchangeWith, dim3(1), dim3(20), kAllLanes, kNobody, 0), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(), HasSubstr("lane 31 of its mask is not in the block"));
  EXPECT_EQ(LaunchOn(ExchangeWith, dim3(1), dim3(32), 0xffu, kNobody, 0), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(), HasSubstr("its mask leaves it out"));
  EXPECT_EQ(LaunchOn(ExchangeWith, dim3(1), dim3(8), 0xffu, kNobody, 9), cudaErrorLaunchFailure);
  EXPECT_THAT(LastFault(), HasSubstr("reads lane 9"));
}

__global__ void ExchangeForEver() {
  const unsigned mask = threadIdx.x < 2 ? 0xf : 0xe;
  if (threadIdx.x != 3) {
    __shfl_sync(mask, 1, 1);
  } else {
    __syncthreads();
  }
}

TEST_F(CudaEmulatorTest, WaitingForEver) {
  EXPECT_EQ(LaunchOn(ExchangeForEver, dim3(1), dim3(4)), cudaErrorLaunchFailure);
  EXPECT_FALSE(LastFault().empty());
}

__global__ void Nothing() {}

TEST_F(CudaEmulatorTest, LimitsOfADevice) {
  EXPECT_EQ(LaunchOn(Nothing, dim3(1), dim3(1024)), cudaSuccess);
  EXPECT_EQ(LaunchOn(Nothing, dim3(1), dim3(1025)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(LaunchOn(Nothing, dim3(1, 65536), dim3(1)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(LaunchOn(Nothing, dim3(1u << 31), dim3(1)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(LaunchOn(Nothing, dim3(0), dim3(1)), cudaSuccess);
  EXPECT_EQ(Launch(Nothing, dim3(1), dim3(1), size_t{1} << 20, nullptr), cudaErrorInvalidValue);
}

// After a fault, stacks are used again.
TEST_F(CudaEmulatorTest, AFaultLeavesNothingBehind) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(LaunchOn(DivergentBarriers, dim3(1), dim3(8)), cudaErrorLaunchFailure);
    std::vector<Exchanged> found(64);
    ASSERT_EQ(LaunchOn(ExchangeAll, dim3(1), dim3(64), found.data()), cudaSuccess) << LastFault();
  }
}

#ifdef __SANITIZE_ADDRESS__
__global__ void WriteBeyondDynamicMemory() { DynamicShared<char>()[blockDim.x + threadIdx.x] = 1; }

TEST_F(CudaEmulatorTest, TheEndOfDynamicMemoryIsGuarded) {
  EXPECT_DEATH(Launch(WriteBeyondDynamicMemory, dim3(1), dim3(8), 8, nullptr), "heap-buffer-overflow");
}
#endif

}  // namespace
}  // namespace ops::cuda_emulator
