// Group attention on a CUDA device; no LibTorch.
//
//   if (!GroupAttentionCudaFits<float>(sizes)) ...  // another way
//   const cudaError_t error = LaunchGroupAttentionForward(sizes, strides, qkv, output, stream);
//
// T is float, double, __half or __nv_bfloat16; arithmetic on 16-bit tokens is in float. Pointers are to device memory,
// laid out as group_attention_cpu.h says. Results are those of group_attention_reference.h, with the same bits on every
// run. A launch returns what CUDA says of it; what goes wrong while the kernel runs is seen by whoever waits for the
// stream.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ops/cuda_emulator/cuda_namespace.h"
#include "ops/group_attention/group_attention_sizes.h"

namespace ops {
inline namespace OPS_CUDA_NAMESPACE {

template <typename T>
using GroupAttentionReal = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Warps of a block. A sequence of 18 tokens keeps four busy, and blocks of four fit a multiprocessor several times.
constexpr int kGroupAttentionWarps = 4;

// Reals of a row in shared memory: an odd number, so that lanes that read one column of neighbouring rows read from
// different banks.
inline int64_t GroupAttentionRowWidth(const GroupAttentionSizes& sizes) { return sizes.channels | 1; }

// The rows of queries, keys, values and gradients of one sequence and head; three numbers a query; two rows of weights
// for each warp.
template <typename T>
size_t GroupAttentionBackwardSharedBytes(const GroupAttentionSizes& sizes) {
  const int64_t reals = sizes.length() * (4 * GroupAttentionRowWidth(sizes) + 3 + 2 * kGroupAttentionWarps);
  return static_cast<size_t>(reals) * sizeof(GroupAttentionReal<T>);
}

// Keys and values; a query and a row of weights for each warp.
template <typename T>
size_t GroupAttentionForwardSharedBytes(const GroupAttentionSizes& sizes) {
  const int64_t reals = sizes.length() * (2 * GroupAttentionRowWidth(sizes) + kGroupAttentionWarps) +
                        kGroupAttentionWarps * sizes.channels;
  return static_cast<size_t>(reals) * sizeof(GroupAttentionReal<T>);
}

// What every GPU from Turing on gives a block that asks for it.
constexpr size_t kGroupAttentionMostSharedBytes = 64 * 1024;

// Whether a sequence fits the shared memory of a block in both passes (in float, up to 114 tokens of 32 channels do),
// and the blocks a grid. Indices are of 64 bits where they count elements of an array.
template <typename T>
bool GroupAttentionCudaFits(const GroupAttentionSizes& sizes) {
  // so many bytes fit no block; below, nothing overflows
  constexpr int64_t kMost = kGroupAttentionMostSharedBytes;
  return sizes.length() <= kMost && sizes.channels <= kMost &&
         GroupAttentionBackwardSharedBytes<T>(sizes) <= kGroupAttentionMostSharedBytes &&
         GroupAttentionForwardSharedBytes<T>(sizes) <= kGroupAttentionMostSharedBytes &&
         GroupAttentionTasks(sizes) <= std::numeric_limits<int32_t>::max();
}

// Writes output, dense [batch, instances, keypoints, hidden]. The sizes fit.
template <typename T>
cudaError_t LaunchGroupAttentionForward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                        const T* qkv, T* output, cudaStream_t stream);

// Writes grad_qkv, dense [batch, instances, keypoints, 3 hidden]; grad_output is dense as output. The sizes fit.
template <typename T>
cudaError_t LaunchGroupAttentionBackward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                         const T* qkv, const T* grad_output, T* grad_qkv, cudaStream_t stream);

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace ops

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_H_
