// What one thread of the CUDA kernels does, as functions that run on a device and on the host: the kernels call them,
// and a test runs them over all threads of a grid on a CPU.
//
// A group is one query of one head of one image; groups are numbered as the outputs lie, [batch, queries, heads].
// Forward, a thread has kVector channels of a group. Backward, a group has a power of two of threads of one warp, its
// lanes, which share the channels out among them in turns of kVector and add up what concerns all channels.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_THREADS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_THREADS_H_

#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops::cuda_threads {

struct Level {
  int32_t height, width;
  int64_t start;  // its first pixel
};

// MsDeformAttnSizes as an argument of a kernel.
struct Sizes {
  int64_t size, heads, channels, queries, groups;
  int32_t levels, points;
  Level level[kMsDeformAttnCudaMaxLevels];
};

// Expects MsDeformAttnCudaFits(sizes).
inline Sizes MakeSizes(const MsDeformAttnSizes& sizes) {
  Sizes made = {sizes.size,
                sizes.heads,
                sizes.channels,
                sizes.queries,
                sizes.batch * sizes.queries * sizes.heads,
                static_cast<int32_t>(sizes.levels),
                static_cast<int32_t>(sizes.points),
                {}};
  int64_t start = 0;
  for (int32_t i = 0; i < made.levels; ++i) {
    const int64_t height = sizes.spatial_shapes[2 * i], width = sizes.spatial_shapes[2 * i + 1];
    made.level[i] = {static_cast<int32_t>(height), static_cast<int32_t>(width), start};
    start += height * width;
  }
  return made;
}

// Threads of a warp; lanes of one group never leave theirs.
constexpr int kWarp = 32;

// Lanes of a group of the backward pass: as many as there are turns of kVector channels, up to a warp.
template <int kVector>
inline int LanesOfGroup(int64_t channels) {
  int lanes = 1;
  while (lanes < kWarp && lanes * kVector < channels) lanes *= 2;
  return lanes;
}

// Elements that are loaded and stored at once.
template <typename T, int kVector>
struct alignas(sizeof(T) * kVector) Pack {
  T element[kVector];
};

template <int kVector, typename T>
__host__ __device__ inline Pack<T, kVector> Load(const T* from) {
  return *reinterpret_cast<const Pack<T, kVector>*>(from);
}

template <typename Real>
__host__ __device__ inline void AddOne(Real* to, Real addend) {
#ifdef __CUDA_ARCH__
  atomicAdd(to, addend);
#else
  *to += addend;
#endif
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
constexpr bool kAddsFourFloats = true;  // Hopper
#else
constexpr bool kAddsFourFloats = false;
#endif

// Adds kVector elements to those at `to`, whoever else does so at the same time.
template <int kVector, typename Real>
__host__ __device__ inline void AddTo(Real* to, const Real* addend) {
  if constexpr (kAddsFourFloats && std::is_same_v<Real, float> && kVector % 4 == 0) {
    for (int k = 0; k < kVector; k += 4) {
      AddOne(reinterpret_cast<float4*>(to + k), make_float4(addend[k], addend[k + 1], addend[k + 2], addend[k + 3]));
    }
  } else {
    for (int k = 0; k < kVector; ++k) AddOne(to + k, addend[k]);
  }
}

// Where a sampling point lies in its level: the pixel on its upper left, which may be one outside, and how far it is
// from there to the right and down, in [0, 1).
template <typename Real>
struct Place {
  bool takes_part;
  int32_t column, row;
  Real right, down;
};

template <typename Real>
__host__ __device__ inline Place<Real> PlaceOf(Real location_x, Real location_y, const Level& level) {
  const Real width = static_cast<Real>(level.width), height = static_cast<Real>(level.height);
  const Real x = location_x * width - Real(0.5), y = location_y * height - Real(0.5);
  // false of what is not a number, too
  if (!(x > Real(-1) && x < width && y > Real(-1) && y < height)) return {false, 0, 0, 0, 0};
  const Real left = std::floor(x), top = std::floor(y);
  return {true, static_cast<int32_t>(left), static_cast<int32_t>(top), x - left, y - top};
}

// One of the four pixels around a point: its number in the level, its bilinear weight, and the derivatives of that
// weight by the point's pixel position.
template <typename Real>
struct Corner {
  bool is_inside;
  int64_t pixel;
  Real weight, weight_by_x, weight_by_y;
};

// Corners 0 to 3: upper left, upper right, lower left, lower right.
template <typename Real>
__host__ __device__ inline Corner<Real> CornerOf(const Place<Real>& place, const Level& level, int corner) {
  const bool is_right = corner % 2 == 1, is_lower = corner / 2 == 1;
  const int64_t column = int64_t{place.column} + is_right, row = int64_t{place.row} + is_lower;
  const Real by_column = is_right ? place.right : 1 - place.right, by_row = is_lower ? place.down : 1 - place.down;
  return {column >= 0 && column < level.width && row >= 0 && row < level.height, row * level.width + column,
          by_column * by_row, is_right ? by_row : -by_row, is_lower ? by_column : -by_column};
}

// The first channel of a group's head in the first pixel of a level; a step of heads * channels leads to the next
// pixel.
__host__ __device__ inline int64_t FirstOfLevel(const Sizes& sizes, int64_t group, const Level& level) {
  const int64_t head = group % sizes.heads, image = group / sizes.heads / sizes.queries;
  return ((image * sizes.size + level.start) * sizes.heads + head) * sizes.channels;
}

// How many threads the forward pass has, each with kVector channels.
template <int kVector>
__host__ __device__ inline int64_t ForwardThreads(const Sizes& sizes) {
  return sizes.groups * (sizes.channels / kVector);
}

// The output of kVector channels of one group; expects 0 <= thread < ForwardThreads.
template <int kVector, typename T>
__host__ __device__ inline void Forward(const Sizes& sizes, const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs,
                                        int64_t thread, T* output) {
  using Real = MsDeformAttnReal<T>;
  const int64_t turns = sizes.channels / kVector, group = thread / turns, channel = thread % turns * kVector;
  int64_t point = group * sizes.levels * sizes.points;
  Real sum[kVector] = {};
  for (int32_t l = 0; l < sizes.levels; ++l) {
    const Level& level = sizes.level[l];
    const T* value = inputs.value + FirstOfLevel(sizes, group, level) + channel;
    for (int32_t p = 0; p < sizes.points; ++p, ++point) {
      const Real* location = inputs.sampling_locations + 2 * point;
      const Place<Real> place = PlaceOf(location[0], location[1], level);
      if (!place.takes_part) continue;
      const Real attention = inputs.attention_weights[point];
      for (int c = 0; c < 4; ++c) {
        const Corner<Real> corner = CornerOf(place, level, c);
        if (!corner.is_inside) continue;
        const auto pixel = Load<kVector>(value + corner.pixel * sizes.heads * sizes.channels);
        const Real weight = attention * corner.weight;
        for (int k = 0; k < kVector; ++k) sum[k] += weight * static_cast<Real>(pixel.element[k]);
      }
    }
  }
  Pack<T, kVector> pack;
  for (int k = 0; k < kVector; ++k) pack.element[k] = static_cast<T>(sum[k]);
  *reinterpret_cast<Pack<T, kVector>*>(output + group * sizes.channels + channel) = pack;
}

// The gradients of one point's attention weight and location, or what some channels add to them.
template <typename Real>
struct PointGradient {
  Real attention, x, y;
};

template <typename Real>
__host__ __device__ inline PointGradient<Real> operator+(const PointGradient<Real>& a, const PointGradient<Real>& b) {
  return {a.attention + b.attention, a.x + b.x, a.y + b.y};
}

// One lane's share of one point of a group: adds its channels' gradient to gradients.value, and returns what they add
// to the gradients of the point, which is `point` levels and points after the group's first.
template <int kVector, typename T>
__host__ __device__ inline PointGradient<MsDeformAttnReal<T>> BackwardOfPoint(
    const Sizes& sizes, const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, const T* grad_output, int64_t group,
    int32_t l, int64_t point, int lane, int lanes, MsDeformAttnReal<T>* grad_value) {
  using Real = MsDeformAttnReal<T>;
  const Level& level = sizes.level[l];
  const Real* location = inputs.sampling_locations + 2 * point;
  const Place<Real> place = PlaceOf(location[0], location[1], level);
  if (!place.takes_part) return {0, 0, 0};
  const Real attention = inputs.attention_weights[point];
  const int64_t first = FirstOfLevel(sizes, group, level), step = sizes.heads * sizes.channels;
  PointGradient<Real> sum = {0, 0, 0};
  for (int64_t channel = lane * kVector; channel < sizes.channels; channel += lanes * kVector) {
    const auto grad = Load<kVector>(grad_output + group * sizes.channels + channel);
    for (int c = 0; c < 4; ++c) {
      const Corner<Real> corner = CornerOf(place, level, c);
      if (!corner.is_inside) continue;
      const int64_t index = first + corner.pixel * step + channel;
      const auto pixel = Load<kVector>(inputs.value + index);
      const Real weight = attention * corner.weight;
      Real dot = 0, addend[kVector];
      for (int k = 0; k < kVector; ++k) {
        const Real g = static_cast<Real>(grad.element[k]);
        dot += g * static_cast<Real>(pixel.element[k]);
        addend[k] = weight * g;
      }
      AddTo<kVector>(grad_value + index, addend);
      sum = sum + PointGradient<Real>{corner.weight * dot, corner.weight_by_x * dot, corner.weight_by_y * dot};
    }
  }
  // a location is in units of the level's size
  return {sum.attention, attention * static_cast<Real>(level.width) * sum.x,
          attention * static_cast<Real>(level.height) * sum.y};
}

template <typename Real>
__host__ __device__ inline void Store(const PointGradient<Real>& gradient, int64_t point,
                                      const MsDeformAttnGradients<Real>& gradients) {
  gradients.attention_weights[point] = gradient.attention;
  gradients.sampling_locations[2 * point] = gradient.x;
  gradients.sampling_locations[2 * point + 1] = gradient.y;
}

}  // namespace ops::cuda_threads

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_THREADS_H_
