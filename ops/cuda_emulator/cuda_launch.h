// What a .cu file includes in place of CUDA's runtime, so that nvcc compiles it for a GPU and g++ for the launch
// emulator (cuda_emulator.h, where OPS_CUDA_EMULATED is defined).
//
//   namespace ops {
//   inline namespace OPS_CUDA_NAMESPACE {
//   __global__ void Kernel(int count, float* out) { ... float* buffer = DynamicShared<float>(); ... }
//   cudaError_t LaunchIt(int count, float* out, cudaStream_t stream) {
//     return Launch(Kernel, dim3(blocks), dim3(256), shared_bytes, stream, count, out);
//   }
//
// Launches go through Launch(), dynamic shared memory comes from DynamicShared(), and what a kernel does on some
// architectures only asks OPS_CUDA_ARCH (800 for sm_80), never __CUDA_ARCH__.
#ifndef OPS_CUDA_EMULATOR_CUDA_LAUNCH_H_
#define OPS_CUDA_EMULATOR_CUDA_LAUNCH_H_

#include "ops/cuda_emulator/cuda_namespace.h"

#ifdef OPS_CUDA_EMULATED
#include "ops/cuda_emulator/cuda_emulator.h"
#else
#include <cuda_runtime.h>

#include <cstddef>
#ifdef __CUDA_ARCH__
#define OPS_CUDA_ARCH __CUDA_ARCH__
#else
#define OPS_CUDA_ARCH 0
#endif
#endif

namespace ops {
inline namespace OPS_CUDA_NAMESPACE {

// Shared memory that every launch may have; more has to be asked for.
constexpr size_t kSharedBytesUnasked = 48 * 1024;

// Launches `kernel`, and returns what CUDA says of the launch; an empty grid launches nothing.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                   Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
#ifdef OPS_CUDA_EMULATED
  (void)stream;
  return cuda_emulator::Run(grid, block, shared_bytes, [&] { kernel(arguments...); });
#else
  if (shared_bytes > kSharedBytesUnasked) {
    const cudaError_t error =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes));
    if (error != cudaSuccess) return error;
  }
  // clang-format off
  kernel<<<grid, block, shared_bytes, stream>>>(arguments...);
  // clang-format on
  return cudaGetLastError();
#endif
}

#if defined(OPS_CUDA_EMULATED)
template <typename T>
T* DynamicShared() {
  return static_cast<T*>(cuda_emulator::DynamicSharedMemory());
}
#elif defined(__CUDACC__)
// The block's dynamic shared memory, aligned for 16-byte loads.
template <typename T>
__device__ T* DynamicShared() {
  extern __shared__ uint4 ops_dynamic_shared_memory[];
  return reinterpret_cast<T*>(ops_dynamic_shared_memory);
}
#endif

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace ops

#endif  // OPS_CUDA_EMULATOR_CUDA_LAUNCH_H_
