// Runs CUDA kernels on the CPU, for tests: the kernels' own source, compiled by g++ with this header in the place of
// CUDA's runtime (cuda_launch.h chooses; the rule cuda_emulated_library compiles a .cu file so).
//
//   cuda_emulator::SetOrder(7);                                 // another order of blocks and threads
//   ASSERT_EQ(LaunchIt(...), cudaSuccess) << cuda_emulator::LastFault();
//
// One block runs at a time, each of its threads as a fiber of its own that runs until it waits: for the block, for a
// warp, or for its end. The order of blocks, and of the threads of a block, comes from a seed, so that a kernel whose
// result depends on it (a barrier that is missing, sums of floats by atomic addition) can be seen to. A launch returns
// when all is done. It fails, with LastFault() saying where and why, on
//
// - threads of a block that wait at barriers on different lines, or for a warp and a barrier that cannot both come;
// - warp exchanges whose mask names a lane that has ended, that is not there, that waits elsewhere or with another
// mask,
//   or leaves out the caller or the lane that is read;
// - more threads, blocks or shared memory than a device has.
//
// What there is: threadIdx, blockIdx, blockDim, gridDim, warpSize; __shared__ (one copy; dynamic memory is filled with
// NaNs before each block and ends where it should, under AddressSanitizer); __syncthreads, __syncwarp, __ballot_sync,
// __shfl_sync, __shfl_down_sync, __shfl_xor_sync; atomicAdd, atomicMax; __ldg, __stcs, min, max, __expf. Types and
// their conversions (float4, __half2, __nv_bfloat16, ...) are those of CUDA's own headers, which serve host code too.
// What there is not, does not compile, and is a few lines below when a kernel wants it. Memory is as consistent as one
// core's, so a fence that is missing is not noticed. Launches from several threads at a time are not for it.
#ifndef OPS_CUDA_EMULATOR_CUDA_EMULATOR_H_
#define OPS_CUDA_EMULATOR_CUDA_EMULATOR_H_

#ifndef OPS_CUDA_EMULATED
#error "compile with OPS_CUDA_EMULATED, as cuda_emulated_library of //third_party/bazel:defs.bzl does"
#endif

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>

#undef __global__
#undef __shared__
#undef __launch_bounds__
#undef __grid_constant__
#define __global__
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__

// The architecture whose code is run, 1000 for sm_100: what __CUDA_ARCH__ is on a device.
#ifndef OPS_CUDA_ARCH
#define OPS_CUDA_ARCH 900
#endif

namespace ops::cuda_emulator {

constexpr int kWarpSize = 32;

// Where in the source a thread waits.
struct Site {
  const char* what;
  const char* file;
  int line;
};

// What a thread knows of itself.
struct ThreadContext {
  uint3 thread_index, block_index;
  dim3 block_size, grid_size;
};
const ThreadContext& Current();

// The order of blocks and threads from now on: 0 is the natural one, every other seed another one.
void SetOrder(uint64_t seed);

// Runs thread() once for every thread of the grid. Fails as cudaLaunchKernel does, or with cudaErrorLaunchFailure.
cudaError_t Run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& thread);

// Why the last Run failed; empty where it did not.
const std::string& LastFault();

void* DynamicSharedMemory();

void WaitForBlock(const Site& site);

// One lane's part in an exchange: what it gives, and how it chooses the lane that it reads.
struct Exchange {
  uint32_t mask;
  uint64_t value;
  int source;  // the lane whose value is wanted; its own for exchanges that give everybody's
};

// Waits for the lanes of the mask, and returns the source's value; where `ballot` is given, sets it to the lanes whose
// value is not 0.
uint64_t WaitForWarp(const Site& site, const Exchange& exchange, uint32_t* ballot = nullptr);

int CurrentLane();

template <typename T>
T Shuffle(const Site& site, uint32_t mask, T value, int source) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));
  Exchange exchange = {mask, 0, source};
  std::memcpy(&exchange.value, &value, sizeof(T));
  const uint64_t received = WaitForWarp(site, exchange);
  std::memcpy(&value, &received, sizeof(T));
  return value;
}

inline uint32_t Ballot(const Site& site, uint32_t mask, bool value) {
  uint32_t lanes = 0;
  WaitForWarp(site, {mask, value, CurrentLane()}, &lanes);
  return lanes;
}

template <typename T, typename Combine>
T Atomic(T* address, Combine combine) {
  const T before = *address;
  *address = combine(before);
  return before;
}

}  // namespace ops::cuda_emulator

#define threadIdx (::ops::cuda_emulator::Current().thread_index)
#define blockIdx (::ops::cuda_emulator::Current().block_index)
#define blockDim (::ops::cuda_emulator::Current().block_size)
#define gridDim (::ops::cuda_emulator::Current().grid_size)
constexpr int warpSize = ::ops::cuda_emulator::kWarpSize;

// The caller's place, as default arguments.
#define OPS_CUDA_EMULATOR_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(OPS_CUDA_EMULATOR_SITE) { ops::cuda_emulator::WaitForBlock({"__syncthreads", file, line}); }

inline void __syncwarp(unsigned mask = 0xffffffff, OPS_CUDA_EMULATOR_SITE) {
  ops::cuda_emulator::Ballot({"__syncwarp", file, line}, mask, false);
}

inline unsigned __ballot_sync(unsigned mask, int value, OPS_CUDA_EMULATOR_SITE) {
  return ops::cuda_emulator::Ballot({"__ballot_sync", file, line}, mask, value != 0);
}

// A segment of `width` lanes exchanges among itself; where the source would lie outside, a lane keeps its own value.

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize, OPS_CUDA_EMULATOR_SITE) {
  const int lane = ops::cuda_emulator::CurrentLane(), first = lane & ~(width - 1);
  return ops::cuda_emulator::Shuffle({"__shfl_sync", file, line}, mask, value, first + (source & (width - 1)));
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int distance, int width = warpSize, OPS_CUDA_EMULATOR_SITE) {
  const int lane = ops::cuda_emulator::CurrentLane(), source = lane ^ distance, end = (lane & ~(width - 1)) + width;
  return ops::cuda_emulator::Shuffle({"__shfl_xor_sync", file, line}, mask, value, source < end ? source : lane);
}

template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = warpSize, OPS_CUDA_EMULATOR_SITE) {
  const int lane = ops::cuda_emulator::CurrentLane(), end = (lane & ~(width - 1)) + width;
  const int source = lane + static_cast<int>(distance);
  return ops::cuda_emulator::Shuffle({"__shfl_down_sync", file, line}, mask, value, source < end ? source : lane);
}

#undef OPS_CUDA_EMULATOR_SITE

// Threads change places only where they wait, so these are atomic.

template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
T atomicAdd(T* address, std::common_type_t<T> addend) {
  // integers wrap
  if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return ops::cuda_emulator::Atomic(address, [=](T before) {
      return static_cast<T>(static_cast<Unsigned>(before) + static_cast<Unsigned>(addend));
    });
  } else {
    return ops::cuda_emulator::Atomic(address, [=](T before) { return before + addend; });
  }
}

inline __half2 atomicAdd(__half2* address, __half2 addend) {
  return ops::cuda_emulator::Atomic(address, [=](__half2 before) { return __hadd2(before, addend); });
}

inline __nv_bfloat162 atomicAdd(__nv_bfloat162* address, __nv_bfloat162 addend) {
  return ops::cuda_emulator::Atomic(address, [=](__nv_bfloat162 before) { return __hadd2(before, addend); });
}

#if OPS_CUDA_ARCH >= 900
inline float2 atomicAdd(float2* address, float2 addend) {
  return ops::cuda_emulator::Atomic(
      address, [=](float2 before) { return make_float2(before.x + addend.x, before.y + addend.y); });
}

inline float4 atomicAdd(float4* address, float4 addend) {
  return ops::cuda_emulator::Atomic(address, [=](float4 before) {
    return make_float4(before.x + addend.x, before.y + addend.y, before.z + addend.z, before.w + addend.w);
  });
}
#endif

template <typename T>
T atomicMax(T* address, std::common_type_t<T> other) {
  static_assert(std::is_integral_v<T>);
  return ops::cuda_emulator::Atomic(address, [=](T before) { return std::max(before, other); });
}

using std::max;
using std::min;

// clang-format off
template <typename T> T __ldg(const T* address) { return *address; }
template <typename T> void __stcs(T* address, T value) { *address = value; }
inline float __expf(float x) { return std::exp(x); }
// clang-format on

#endif  // OPS_CUDA_EMULATOR_CUDA_EMULATOR_H_
