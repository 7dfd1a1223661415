// A block has one sequence and head: its rows lie in shared memory as reals, each read from memory once. A warp has one
// query at a time, its lanes the keys for the scores and the channels for the sums, so that no lane adds to what
// another one writes. The backward pass then gives a warp one key at a time, and computes the weights of its column
// once more: a matrix of weights would fill the shared memory of most devices.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>

#include "ops/cuda_emulator/cuda_launch.h"
#include "ops/group_attention/group_attention_cuda.h"

namespace ops {
inline namespace OPS_CUDA_NAMESPACE {
namespace group_attention_kernels {

constexpr int kLanes = 32;
constexpr int kThreads = kGroupAttentionWarps * kLanes;
constexpr unsigned kAllLanes = 0xffffffff;

struct Problem {
  GroupAttentionSizes sizes;
  GroupAttentionStrides strides;
  int32_t length, channels, width;
  double scale;
};

inline Problem MakeProblem(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides) {
  return {sizes,
          strides,
          static_cast<int32_t>(sizes.length()),
          static_cast<int32_t>(sizes.channels),
          static_cast<int32_t>(GroupAttentionRowWidth(sizes)),
          1 / std::sqrt(static_cast<double>(sizes.channels))};
}

__device__ inline float Exp(float x) { return expf(x); }
__device__ inline double Exp(double x) { return exp(x); }
__device__ inline float Larger(float a, float b) { return fmaxf(a, b); }
__device__ inline double Larger(double a, double b) { return fmax(a, b); }

template <typename Real>
__device__ Real WarpMax(Real x) {
  for (int distance = kLanes / 2; distance > 0; distance /= 2) {
    x = Larger(x, __shfl_xor_sync(kAllLanes, x, distance));
  }
  return x;
}

template <typename Real>
__device__ Real WarpSum(Real x) {
  for (int distance = kLanes / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kAllLanes, x, distance);
  return x;
}

// All rows of the block's task, from memory into rows of problem.width reals.
template <typename T, typename Real>
__device__ void ReadRows(const Problem& problem, const T* from, int64_t stride, Real* to) {
  const int32_t count = problem.length * problem.channels;
#pragma unroll 2
  for (int32_t i = threadIdx.x; i < count; i += kThreads) {
    const int32_t row = i / problem.channels, channel = i - row * problem.channels;
    to[row * problem.width + channel] = static_cast<Real>(from[row * stride + channel]);
  }
}

template <typename Real>
__device__ Real Dot(const Real* a, const Real* b, int32_t count) {
  Real sum = 0;
#pragma unroll 4
  for (int32_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// The sum of the rows of `rows`, weighted, at one channel.
template <typename Real>
__device__ Real WeightedSum(const Problem& problem, const Real* weights, const Real* rows, int32_t channel) {
  Real sum = 0;
#pragma unroll 4
  for (int32_t i = 0; i < problem.length; ++i) sum += weights[i] * rows[i * problem.width + channel];
  return sum;
}

// What turns the scores of a row into weights: exp(score - largest) * inverse.
template <typename Real>
struct RowOfWeights {
  Real largest, inverse;
};

// Writes exp(score - largest) of one query and all keys, each lane its own keys.
template <typename Real>
__device__ RowOfWeights<Real> Exponentiate(const Problem& problem, const Real* query, const Real* keys, int lane,
                                           Real* weights) {
  const Real scale = static_cast<Real>(problem.scale);
  Real largest = -INFINITY;
#pragma unroll 1
  for (int32_t key = lane; key < problem.length; key += kLanes) {
    weights[key] = Dot(query, keys + key * problem.width, problem.channels) * scale;
    largest = Larger(largest, weights[key]);
  }
  largest = WarpMax(largest);
  Real sum = 0;
#pragma unroll 1
  for (int32_t key = lane; key < problem.length; key += kLanes) {
    weights[key] = Exp(weights[key] - largest);
    sum += weights[key];
  }
  return {largest, 1 / WarpSum(sum)};
}

// The block's task. All of it fits 32 bits, in which a device divides an order of magnitude faster.
__device__ inline GroupAttentionTask OwnTask(const Problem& problem) {
  const uint32_t heads = static_cast<uint32_t>(problem.sizes.heads),
                 sequences = static_cast<uint32_t>(problem.sizes.sequences_of_image());
  const uint32_t sequence = blockIdx.x / heads;
  return {sequence / sequences, sequence % sequences, blockIdx.x % heads};
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    ForwardKernel(const __grid_constant__ Problem problem, const T* qkv, T* output) {
  using Real = GroupAttentionReal<T>;
  const int lane = threadIdx.x % kLanes, warp = threadIdx.x / kLanes;
  const int64_t hidden = problem.sizes.hidden();
  const GroupAttentionTask task = OwnTask(problem);
  const GroupAttentionRows in = GroupAttentionRowsOf(problem.sizes, problem.strides, task),
                           out = GroupAttentionRowsOf(problem.sizes, DenseGroupAttentionStrides(problem.sizes, hidden),
                                                      task);
  Real* const keys = DynamicShared<Real>();
  Real* const values = keys + problem.length * problem.width;
  Real* const weights = values + problem.length * problem.width + warp * (problem.length + problem.channels);
  Real* const query_row = weights + problem.length;
  ReadRows(problem, qkv + in.begin + hidden, in.stride, keys);
  ReadRows(problem, qkv + in.begin + 2 * hidden, in.stride, values);
  __syncthreads();
#pragma unroll 1
  for (int32_t query = warp; query < problem.length; query += kGroupAttentionWarps) {
#pragma unroll 1
    for (int32_t channel = lane; channel < problem.channels; channel += kLanes) {
      query_row[channel] = static_cast<Real>(qkv[in.begin + query * in.stride + channel]);
    }
    __syncwarp();
    const RowOfWeights<Real> row = Exponentiate(problem, query_row, keys, lane, weights);
    __syncwarp();
#pragma unroll 1
    for (int32_t channel = lane; channel < problem.channels; channel += kLanes) {
      output[out.begin + query * out.stride + channel] =
          static_cast<T>(WeightedSum(problem, weights, values, channel) * row.inverse);
    }
    // all have read before the next query is written
    __syncwarp();
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    BackwardKernel(const __grid_constant__ Problem problem, const T* qkv, const T* grad_output, T* grad_qkv) {
  using Real = GroupAttentionReal<T>;
  const int lane = threadIdx.x % kLanes, warp = threadIdx.x / kLanes;
  const int32_t length = problem.length, channels = problem.channels, width = problem.width;
  const int64_t hidden = problem.sizes.hidden();
  const Real scale = static_cast<Real>(problem.scale);
  const GroupAttentionTask task = OwnTask(problem);
  const GroupAttentionRows in = GroupAttentionRowsOf(problem.sizes, problem.strides, task),
                           grad_in = GroupAttentionRowsOf(problem.sizes,
                                                          DenseGroupAttentionStrides(problem.sizes, hidden), task),
                           out = GroupAttentionRowsOf(problem.sizes,
                                                      DenseGroupAttentionStrides(problem.sizes, 3 * hidden), task);
  Real* const queries = DynamicShared<Real>();
  Real *const keys = queries + length * width, *const values = keys + length * width,
              *const grads = values + length * width, *const largest = grads + length * width,
              *const inverse = largest + length, *const mean = inverse + length,
              *const weights = mean + length + warp * 2 * length, *const by_score = weights + length;
  ReadRows(problem, qkv + in.begin, in.stride, queries);
  ReadRows(problem, qkv + in.begin + hidden, in.stride, keys);
  ReadRows(problem, qkv + in.begin + 2 * hidden, in.stride, values);
  ReadRows(problem, grad_output + grad_in.begin, grad_in.stride, grads);
  __syncthreads();

  // the gradients of the queries, and what the columns need of each row
#pragma unroll 1
  for (int32_t query = warp; query < length; query += kGroupAttentionWarps) {
    const RowOfWeights<Real> row = Exponentiate(problem, queries + query * width, keys, lane, weights);
    Real sum = 0;
#pragma unroll 1
    for (int32_t key = lane; key < length; key += kLanes) {
      by_score[key] = Dot(grads + query * width, values + key * width, channels);
      weights[key] *= row.inverse;
      sum += weights[key] * by_score[key];
    }
    const Real mean_of_row = WarpSum(sum);
#pragma unroll 1
    for (int32_t key = lane; key < length; key += kLanes) by_score[key] = weights[key] * (by_score[key] - mean_of_row);
    if (lane == 0) {
      largest[query] = row.largest;
      inverse[query] = row.inverse;
      mean[query] = mean_of_row;
    }
    __syncwarp();
#pragma unroll 1
    for (int32_t channel = lane; channel < channels; channel += kLanes) {
      grad_qkv[out.begin + query * out.stride + channel] =
          static_cast<T>(WeightedSum(problem, by_score, keys, channel) * scale);
    }
    __syncwarp();
  }
  __syncthreads();

  // the gradients of the keys and values
#pragma unroll 1
  for (int32_t key = warp; key < length; key += kGroupAttentionWarps) {
#pragma unroll 1
    for (int32_t query = lane; query < length; query += kLanes) {
      const Real score = Dot(queries + query * width, keys + key * width, channels) * scale;
      const Real by_weight = Dot(grads + query * width, values + key * width, channels);
      weights[query] = Exp(score - largest[query]) * inverse[query];
      by_score[query] = weights[query] * (by_weight - mean[query]);
    }
    __syncwarp();
#pragma unroll 1
    for (int32_t channel = lane; channel < channels; channel += kLanes) {
      T* const to = grad_qkv + out.begin + key * out.stride + channel;
      to[hidden] = static_cast<T>(WeightedSum(problem, by_score, queries, channel) * scale);
      to[2 * hidden] = static_cast<T>(WeightedSum(problem, weights, grads, channel));
    }
    __syncwarp();
  }
}

// A block for each task; none where sequences are empty.
inline dim3 Blocks(const GroupAttentionSizes& sizes) {
  return dim3(sizes.length() == 0 ? 0 : static_cast<unsigned>(GroupAttentionTasks(sizes)));
}

}  // namespace group_attention_kernels

template <typename T>
cudaError_t LaunchGroupAttentionForward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                        const T* qkv, T* output, cudaStream_t stream) {
  namespace kernels = group_attention_kernels;
  return Launch(kernels::ForwardKernel<T>, kernels::Blocks(sizes), dim3(kernels::kThreads),
                GroupAttentionForwardSharedBytes<T>(sizes), stream, kernels::MakeProblem(sizes, strides), qkv, output);
}

template <typename T>
cudaError_t LaunchGroupAttentionBackward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides,
                                         const T* qkv, const T* grad_output, T* grad_qkv, cudaStream_t stream) {
  namespace kernels = group_attention_kernels;
  return Launch(kernels::BackwardKernel<T>, kernels::Blocks(sizes), dim3(kernels::kThreads),
                GroupAttentionBackwardSharedBytes<T>(sizes), stream, kernels::MakeProblem(sizes, strides), qkv,
                grad_output, grad_qkv);
}

#define OPS_INSTANTIATE(T)                                                                                             \
  template cudaError_t LaunchGroupAttentionForward(const GroupAttentionSizes&, const GroupAttentionStrides&, const T*, \
                                                   T*, cudaStream_t);                                                  \
  template cudaError_t LaunchGroupAttentionBackward(const GroupAttentionSizes&, const GroupAttentionStrides&,          \
                                                    const T*, const T*, T*, cudaStream_t)
OPS_INSTANTIATE(float);
OPS_INSTANTIATE(double);
OPS_INSTANTIATE(__half);
OPS_INSTANTIATE(__nv_bfloat16);
#undef OPS_INSTANTIATE

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace ops
