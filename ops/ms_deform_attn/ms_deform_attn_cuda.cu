// Kernels around what one thread does (ms_deform_attn_cuda_threads.h), and their launches.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda_threads.h"

namespace ops {
// named, so that the kernels' symbols are the same in every build (third_party/bazel/cuda.bzl)
namespace cuda_kernels {

using cuda_threads::kWarp;
using cuda_threads::PointGradient;
using cuda_threads::Sizes;

// Eight warps: at 64 registers a thread, four blocks fill a multiprocessor's 65,536, and the last blocks of a grid
// leave little of the device idle.
constexpr int kThreads = 256;

// The widest load of a thread.
constexpr int kLoadBytes = 16;

template <int kVector, typename T>
__global__ void __launch_bounds__(kThreads)
    ForwardKernel(const __grid_constant__ Sizes sizes, MsDeformAttnInputs<T, MsDeformAttnReal<T>> inputs, T* output) {
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (thread < cuda_threads::ForwardThreads<kVector>(sizes)) {
    cuda_threads::Forward<kVector>(sizes, inputs, thread, output);
  }
}

template <int kVector, typename T>
__global__ void __launch_bounds__(kThreads)
    BackwardKernel(const __grid_constant__ Sizes sizes, MsDeformAttnInputs<T, MsDeformAttnReal<T>> inputs,
                   const T* grad_output, int lanes, MsDeformAttnGradients<MsDeformAttnReal<T>> gradients) {
  using Real = MsDeformAttnReal<T>;
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int64_t group = thread / lanes;
  const int lane = static_cast<int>(thread % lanes);
  // the last warp's spare lanes go through the loop too: all lanes of a warp take part in the exchanges
  const bool is_spare = group >= sizes.groups;
  int64_t point = group * sizes.levels * sizes.points;
  for (int32_t l = 0; l < sizes.levels; ++l) {
    for (int32_t p = 0; p < sizes.points; ++p, ++point) {
      PointGradient<Real> sum = {0, 0, 0};
      if (!is_spare) {
        sum = cuda_threads::BackwardOfPoint<kVector>(sizes, inputs, grad_output, group, l, point, lane, lanes,
                                                     gradients.value);
      }
      for (int distance = lanes / 2; distance > 0; distance /= 2) {
        constexpr unsigned kAll = 0xffffffff;
        sum = sum + PointGradient<Real>{__shfl_xor_sync(kAll, sum.attention, distance),
                                        __shfl_xor_sync(kAll, sum.x, distance), __shfl_xor_sync(kAll, sum.y, distance)};
      }
      if (lane == 0 && !is_spare) cuda_threads::Store(sum, point, gradients);
    }
  }
}

// Launches `kernel` with so many threads or a few more.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), int64_t threads, cudaStream_t stream, const Arguments&... arguments) {
  if (threads == 0) return cudaSuccess;
  const int64_t blocks = (threads + kThreads - 1) / kThreads;
  // the largest grid of all devices
  if (blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  kernel<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(arguments...);
  return cudaGetLastError();
}

template <typename... Pointers>
bool AreAligned(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % kLoadBytes == 0) && ...);
}

}  // namespace cuda_kernels

using cuda_kernels::AreAligned;
using cuda_kernels::BackwardKernel;
using cuda_kernels::ForwardKernel;
using cuda_kernels::kLoadBytes;
using cuda_kernels::Launch;
using cuda_threads::Sizes;

template <typename T>
cudaError_t LaunchMsDeformAttnForward(const MsDeformAttnSizes& sizes,
                                      const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, T* output,
                                      cudaStream_t stream) {
  const Sizes on_device = cuda_threads::MakeSizes(sizes);
  const auto launch = [&](auto vector) {
    constexpr int kVector = decltype(vector)::value;
    return Launch(ForwardKernel<kVector, T>, cuda_threads::ForwardThreads<kVector>(on_device), stream, on_device,
                  inputs, output);
  };
  constexpr int kWide = kLoadBytes / sizeof(T);
  if (sizes.channels % kWide == 0 && AreAligned(inputs.value, output)) {
    return launch(std::integral_constant<int, kWide>());
  }
  return launch(std::integral_constant<int, 1>());
}

template <typename T>
cudaError_t LaunchMsDeformAttnBackward(const MsDeformAttnSizes& sizes,
                                       const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, const T* grad_output,
                                       const MsDeformAttnGradients<MsDeformAttnReal<T>>& gradients,
                                       cudaStream_t stream) {
  const Sizes on_device = cuda_threads::MakeSizes(sizes);
  const auto launch = [&](auto vector) {
    constexpr int kVector = decltype(vector)::value;
    const int lanes = cuda_threads::LanesOfGroup<kVector>(sizes.channels);
    return Launch(BackwardKernel<kVector, T>, on_device.groups * lanes, stream, on_device, inputs, grad_output, lanes,
                  gradients);
  };
  constexpr int kWide = kLoadBytes / sizeof(T);
  if (sizes.channels % kWide == 0 && AreAligned(inputs.value, grad_output, gradients.value)) {
    return launch(std::integral_constant<int, kWide>());
  }
  return launch(std::integral_constant<int, 1>());
}

#define OPS_INSTANTIATE(T)                                                                                             \
  template cudaError_t LaunchMsDeformAttnForward(const MsDeformAttnSizes&,                                             \
                                                 const MsDeformAttnInputs<T, MsDeformAttnReal<T>>&, T*, cudaStream_t); \
  template cudaError_t LaunchMsDeformAttnBackward(const MsDeformAttnSizes&,                                            \
                                                  const MsDeformAttnInputs<T, MsDeformAttnReal<T>>&, const T*,         \
                                                  const MsDeformAttnGradients<MsDeformAttnReal<T>>&, cudaStream_t)
OPS_INSTANTIATE(float);
OPS_INSTANTIATE(double);
OPS_INSTANTIATE(__half);
OPS_INSTANTIATE(__nv_bfloat16);
#undef OPS_INSTANTIATE

}  // namespace ops
