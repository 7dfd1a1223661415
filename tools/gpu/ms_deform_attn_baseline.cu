#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>

#include "ops/cuda_emulator/cuda_launch.h"
#include "tools/gpu/ms_deform_attn_baseline.h"

namespace gpu {
inline namespace OPS_CUDA_NAMESPACE {
// named, so that the kernels' symbols are the same in every build (third_party/bazel/cuda.bzl)
namespace ms_deform_attn_baseline {

using ops::Launch;
using ops::MsDeformAttnSizes;

constexpr int kThreads = 256;

struct Sizes {
  int size, heads, channels, queries, levels, points;
};

Sizes MakeSizes(const MsDeformAttnSizes& sizes) {
  return {static_cast<int>(sizes.size),    static_cast<int>(sizes.heads),  static_cast<int>(sizes.channels),
          static_cast<int>(sizes.queries), static_cast<int>(sizes.levels), static_cast<int>(sizes.points)};
}

// One channel of one point: its four values, and where they lie; -1 outside.
struct Sample {
  int at[4];
  float value[4], weight[4], by_x[4], by_y[4];
  float width, height;
};

__device__ inline bool MakeSample(const Sizes& sizes, const BaselineLevels& levels, const float* value, int image,
                                  int head, int channel, int level, const float* location, Sample* sample) {
  const int height = levels.shapes[2 * level], width = levels.shapes[2 * level + 1];
  const float x = location[0] * width - 0.5f, y = location[1] * height - 0.5f;
  if (!(x > -1 && y > -1 && x < width && y < height)) return false;
  const int left = static_cast<int>(floorf(x)), top = static_cast<int>(floorf(y));
  const float right_part = x - left, lower_part = y - top;
  sample->width = width;
  sample->height = height;
  for (int c = 0; c < 4; ++c) {
    const int column = left + c % 2, row = top + c / 2;
    const bool is_inside = column >= 0 && column < width && row >= 0 && row < height;
    const int pixel = image * sizes.size + levels.starts[level] + row * width + column;
    sample->at[c] = is_inside ? (pixel * sizes.heads + head) * sizes.channels + channel : -1;
    sample->value[c] = is_inside ? value[sample->at[c]] : 0;
    const float by_column = c % 2 ? right_part : 1 - right_part, by_row = c / 2 ? lower_part : 1 - lower_part;
    sample->weight[c] = by_column * by_row;
    sample->by_x[c] = c % 2 ? by_row : -by_row;
    sample->by_y[c] = c / 2 ? by_column : -by_column;
  }
  return true;
}

__global__ void ForwardKernel(const Sizes sizes, const BaselineLevels levels, int count, const float* value,
                              const float* locations, const float* weights, float* output) {
  const int thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (thread >= count) return;
  const int group = thread / sizes.channels, channel = thread % sizes.channels, head = group % sizes.heads;
  const int image = group / sizes.heads / sizes.queries;
  float sum = 0;
  for (int l = 0; l < sizes.levels; ++l) {
    for (int p = 0; p < sizes.points; ++p) {
      const int point = (group * sizes.levels + l) * sizes.points + p;
      Sample sample;
      if (!MakeSample(sizes, levels, value, image, head, channel, l, locations + 2 * point, &sample)) continue;
      float read = 0;
      for (int c = 0; c < 4; ++c) read += sample.weight[c] * sample.value[c];
      sum += weights[point] * read;
    }
  }
  output[thread] = sum;
}

__global__ void BackwardKernel(const Sizes sizes, const BaselineLevels levels, const float* value,
                               const float* locations, const float* weights, const float* grad_output,
                               float* grad_value, float* grad_locations, float* grad_weights) {
  float* shares = ops::DynamicShared<float>();  // [channels, 3]
  const int group = static_cast<int>(blockIdx.x), channel = static_cast<int>(threadIdx.x);
  const int head = group % sizes.heads, image = group / sizes.heads / sizes.queries;
  const float grad = grad_output[group * sizes.channels + channel];
  for (int l = 0; l < sizes.levels; ++l) {
    for (int p = 0; p < sizes.points; ++p) {
      const int point = (group * sizes.levels + l) * sizes.points + p;
      float by_weight = 0, by_x = 0, by_y = 0;
      Sample sample;
      if (MakeSample(sizes, levels, value, image, head, channel, l, locations + 2 * point, &sample)) {
        for (int c = 0; c < 4; ++c) {
          if (sample.at[c] < 0) continue;
          by_weight += sample.weight[c] * sample.value[c] * grad;
          by_x += sample.by_x[c] * sample.value[c] * grad;
          by_y += sample.by_y[c] * sample.value[c] * grad;
          atomicAdd(grad_value + sample.at[c], weights[point] * sample.weight[c] * grad);
        }
        by_x *= weights[point] * sample.width;
        by_y *= weights[point] * sample.height;
      }
      shares[3 * channel] = by_weight;
      shares[3 * channel + 1] = by_x;
      shares[3 * channel + 2] = by_y;
      __syncthreads();
      if (channel == 0) {
        for (int other = 1; other < sizes.channels; ++other) {
          by_weight += shares[3 * other];
          by_x += shares[3 * other + 1];
          by_y += shares[3 * other + 2];
        }
        grad_weights[point] = by_weight;
        grad_locations[2 * point] = by_x;
        grad_locations[2 * point + 1] = by_y;
      }
      __syncthreads();
    }
  }
}

// ---- inputs

// SplitMix64's finaliser (Steele, Lea and Flood), as base/random.h; uniform in [0, 1) with 24 bits.
__device__ inline float Uniform(uint64_t seed, uint64_t index) {
  uint64_t z = seed * 0x9E3779B97F4A7C15 + index;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-24f;
}

template <typename T>
__global__ void FillUniformKernel(int64_t count, uint64_t seed, T* out) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < count) out[i] = static_cast<T>(2 * Uniform(seed, i) - 1);
}

template <typename Real>
__global__ void FillNormalKernel(int64_t count, uint64_t seed, Real deviation, Real* out) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  // Box and Muller
  const float radius = sqrtf(-2 * logf(1 - Uniform(seed, 2 * i)));
  out[i] = deviation * static_cast<Real>(radius * cosf(6.2831853f * Uniform(seed, 2 * i + 1)));
}

template <typename Real>
__global__ void FillReferenceKernel(const Sizes sizes, const BaselineLevels levels, Real* out) {
  const int query = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (query >= sizes.queries) return;
  Real x = static_cast<Real>(Uniform(1, 2 * query)), y = static_cast<Real>(Uniform(1, 2 * query + 1));
  if (sizes.queries == sizes.size) {
    int level = 0;
    while (level + 1 < sizes.levels && query >= levels.starts[level + 1]) ++level;
    const int pixel = query - levels.starts[level], width = levels.shapes[2 * level + 1];
    x = (static_cast<Real>(pixel % width) + Real(0.5)) / static_cast<Real>(width);
    y = (static_cast<Real>(pixel / width) + Real(0.5)) / static_cast<Real>(levels.shapes[2 * level]);
  }
  out[2 * query] = x;
  out[2 * query + 1] = y;
}

template <typename Real>
__global__ void MakePlainKernel(const Sizes sizes, const BaselineLevels levels, int64_t groups, const Real* reference,
                                const Real* offsets, const Real* logits, Real* locations, Real* weights) {
  const int64_t group = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (group >= groups) return;
  const int query = static_cast<int>(group / sizes.heads % sizes.queries), count = sizes.levels * sizes.points;
  const int64_t first = group * count;
  Real largest = logits[first], sum = 0;
  for (int i = 1; i < count; ++i) largest = largest < logits[first + i] ? logits[first + i] : largest;
  for (int i = 0; i < count; ++i) sum += std::exp(logits[first + i] - largest);
  for (int i = 0; i < count; ++i) {
    const int level = i / sizes.points;
    weights[first + i] = std::exp(logits[first + i] - largest) / sum;
    for (int axis = 0; axis < 2; ++axis) {
      const int64_t at = 2 * (first + i) + axis;
      locations[at] =
          reference[2 * query + axis] + offsets[at] / static_cast<Real>(levels.shapes[2 * level + 1 - axis]);
    }
  }
}

dim3 BlocksFor(int64_t threads) { return dim3(static_cast<unsigned>((threads + kThreads - 1) / kThreads)); }

}  // namespace ms_deform_attn_baseline

namespace baseline = ms_deform_attn_baseline;

cudaError_t LaunchBaselineForward(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels,
                                  const ops::MsDeformAttnInputs<float>& inputs, float* output, cudaStream_t stream) {
  const int count = static_cast<int>(sizes.batch * sizes.queries * sizes.heads * sizes.channels);
  return ops::Launch(baseline::ForwardKernel, baseline::BlocksFor(count), dim3(baseline::kThreads), 0, stream,
                     baseline::MakeSizes(sizes), levels, count, inputs.value, inputs.sampling_locations,
                     inputs.attention_weights, output);
}

cudaError_t LaunchBaselineBackward(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels,
                                   const ops::MsDeformAttnInputs<float>& inputs, const float* grad_output,
                                   const ops::MsDeformAttnGradients<float>& gradients, cudaStream_t stream) {
  const auto groups = static_cast<unsigned>(sizes.batch * sizes.queries * sizes.heads);
  const auto channels = static_cast<unsigned>(sizes.channels);
  return ops::Launch(baseline::BackwardKernel, dim3(groups), dim3(channels), 3 * channels * sizeof(float), stream,
                     baseline::MakeSizes(sizes), levels, inputs.value, inputs.sampling_locations,
                     inputs.attention_weights, grad_output, gradients.value, gradients.sampling_locations,
                     gradients.attention_weights);
}

template <typename T>
cudaError_t LaunchFillUniform(int64_t count, uint64_t seed, T* out, cudaStream_t stream) {
  return ops::Launch(baseline::FillUniformKernel<T>, baseline::BlocksFor(count), dim3(baseline::kThreads), 0, stream,
                     count, seed, out);
}

template <typename Real>
cudaError_t LaunchFillReference(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels, Real* out,
                                cudaStream_t stream) {
  return ops::Launch(baseline::FillReferenceKernel<Real>, baseline::BlocksFor(sizes.queries), dim3(baseline::kThreads),
                     0, stream, baseline::MakeSizes(sizes), levels, out);
}

template <typename Real>
cudaError_t LaunchFillNormal(int64_t count, uint64_t seed, Real deviation, Real* out, cudaStream_t stream) {
  return ops::Launch(baseline::FillNormalKernel<Real>, baseline::BlocksFor(count), dim3(baseline::kThreads), 0, stream,
                     count, seed, deviation, out);
}

template <typename Real>
cudaError_t LaunchMakePlain(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels, const Real* reference,
                            const Real* offsets, const Real* logits, Real* locations, Real* weights,
                            cudaStream_t stream) {
  const int64_t groups = sizes.batch * sizes.queries * sizes.heads;
  return ops::Launch(baseline::MakePlainKernel<Real>, baseline::BlocksFor(groups), dim3(baseline::kThreads), 0, stream,
                     baseline::MakeSizes(sizes), levels, groups, reference, offsets, logits, locations, weights);
}

template cudaError_t LaunchFillUniform(int64_t, uint64_t, float*, cudaStream_t);
template cudaError_t LaunchFillUniform(int64_t, uint64_t, double*, cudaStream_t);
template cudaError_t LaunchFillUniform(int64_t, uint64_t, __half*, cudaStream_t);
template cudaError_t LaunchFillUniform(int64_t, uint64_t, __nv_bfloat16*, cudaStream_t);
#define OPS_INSTANTIATE(Real)                                                                                          \
  template cudaError_t LaunchFillReference(const ops::MsDeformAttnSizes&, const BaselineLevels&, Real*, cudaStream_t); \
  template cudaError_t LaunchFillNormal(int64_t, uint64_t, Real, Real*, cudaStream_t);                                 \
  template cudaError_t LaunchMakePlain(const ops::MsDeformAttnSizes&, const BaselineLevels&, const Real*, const Real*, \
                                       const Real*, Real*, Real*, cudaStream_t)
OPS_INSTANTIATE(float);
OPS_INSTANTIATE(double);
#undef OPS_INSTANTIATE

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace gpu
