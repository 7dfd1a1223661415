// What the kernels of ms_deform_attn_cuda.cu are made of: who works on what, the sampling points, the sums of the
// value's gradient.
//
// A group is one query of one head of one image. It has a power of two of threads of one warp, its lanes, which share
// the group's points out among them while they are set up, and its channels, kVector of them at a time, while they are
// read. A block has consecutive queries of one head: their points lie close together, and what one of them has read is
// in the cache for the others.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_DEVICE_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_DEVICE_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ops/cuda_emulator/cuda_launch.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"

namespace ops {
inline namespace OPS_CUDA_NAMESPACE {
// named, so that the kernels' symbols are the same in every build (third_party/bazel/cuda.bzl)
namespace ms_deform_attn_kernels {

// Eight warps: at 64 registers a thread, four blocks fill a multiprocessor's 65,536, and the last blocks of a grid
// leave little of the device idle.
constexpr int kThreads = 256;

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffff;

// Points that a lane sets up before the group reads them: 8 lanes have the 16 points of the published models at once.
constexpr int kPointsOfLane = 2;

// Rows of shared memory: a group's points, and one more, so that the groups of a warp begin in different banks.
constexpr int kSharedPoints = kThreads * kPointsOfLane + kThreads;

// ---- who works on what

struct Level {
  int32_t height, width, start;  // start: its first pixel
};

// MsDeformAttnSizes as an argument of a kernel, and how the work is divided.
struct Geometry {
  int64_t image;  // elements of one image's value
  int32_t queries, heads, channels;
  int32_t step;    // elements from a pixel to the next
  int32_t points;  // of one level
  int32_t all_points;
  int32_t lanes, lanes_log2;
  int32_t tiles;   // blocks that share the queries of one head
  int32_t slices;  // blocks that share the channels of these queries
  Level level[kMsDeformAttnCudaMaxLevels];
};

struct Group {
  int32_t lane, head, channel;  // channel: the lane's first of its head
  int32_t query;                // of its image
  int64_t row;                  // the query counted over all images
  int64_t index;                // of the group, as the outputs lie
  int64_t value;                // the head's first element in the first pixel of the image
  bool is_spare;  // one of the last block's, beyond the queries: takes part in exchanges, and has no points
};

__device__ inline Group OwnGroup(const Geometry& geometry, int vector) {
  unsigned rest = blockIdx.x;
  const unsigned slice = rest % geometry.slices;
  rest /= geometry.slices;
  const unsigned head = rest % geometry.heads;
  rest /= geometry.heads;
  const unsigned tile = rest % geometry.tiles, image = rest / geometry.tiles;
  const int32_t lane = static_cast<int32_t>(threadIdx.x) & (geometry.lanes - 1);
  const int32_t query =
      static_cast<int32_t>(tile * (kThreads >> geometry.lanes_log2) + (threadIdx.x >> geometry.lanes_log2));
  Group group;
  group.lane = lane;
  group.head = static_cast<int32_t>(head);
  group.channel = (static_cast<int32_t>(slice) * geometry.lanes + lane) * vector;
  group.query = query;
  group.row = int64_t{image} * geometry.queries + query;
  group.index = group.row * geometry.heads + head;
  group.value = int64_t{image} * geometry.image + int64_t{head} * geometry.channels;
  group.is_spare = query >= geometry.queries;
  return group;
}

// The same in all lanes of a group. (Loops of one to five turns: unrolled, they are most of a kernel's code.)
template <typename Real>
__device__ inline Real SumOfLanes(const Geometry& geometry, Real x) {
#pragma unroll 1
  for (int distance = geometry.lanes / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kAllLanes, x, distance);
  return x;
}

template <typename Real>
__device__ inline Real LargestOfLanes(const Geometry& geometry, Real x) {
#pragma unroll 1
  for (int distance = geometry.lanes / 2; distance > 0; distance /= 2) {
    const Real other = __shfl_xor_sync(kAllLanes, x, distance);
    x = x < other ? other : x;
  }
  return x;
}

// ---- elements

// Elements that are loaded and stored at once.
template <typename T, int kVector>
struct alignas(sizeof(T) * kVector) Pack {
  T element[kVector];
};

// The widest load of a thread.
constexpr int kLoadBytes = 16;

template <int kVector, typename T>
__device__ inline Pack<T, kVector> Load(const T* from) {
  Pack<T, kVector> pack;
  if constexpr (sizeof(pack) == kLoadBytes) {
    const uint4 bits = __ldg(reinterpret_cast<const uint4*>(from));
    memcpy(&pack, &bits, sizeof(pack));
  } else {
    static_assert(kVector == 1);
    pack.element[0] = __ldg(from);
  }
  return pack;
}

// Written once and not read again here: it need not stay in the cache.
template <int kVector, typename T>
__device__ inline void Store(T* to, const Pack<T, kVector>& pack) {
  if constexpr (sizeof(pack) == kLoadBytes) {
    uint4 bits;
    memcpy(&bits, &pack, sizeof(pack));
    __stcs(reinterpret_cast<uint4*>(to), bits);
  } else {
    *to = pack.element[0];
  }
}

// ---- sampling points

template <typename Real>
struct alignas(4 * sizeof(Real)) Four {
  Real element[4];
};

// The four pixels around a point, upper left, upper right, lower left, lower right; -1 where there is none.
using Corners = Four<int32_t>;

// A point in pixels of its level.
template <typename Real>
struct Point {
  Real x, y, attention;
};

// Where a point lies: its corners, and how far it is from the upper left one, in [0, 1). A point that takes no part has
// no corners; what it would weigh is not looked at.
template <typename Real>
struct Place {
  Corners corners;
  Real right, down, attention;
};

template <typename Real>
__device__ inline Place<Real> PlaceOf(const Point<Real>& point, const Level& level) {
  Place<Real> place = {{{-1, -1, -1, -1}}, 0, 0, 0};
  const Real width = static_cast<Real>(level.width), height = static_cast<Real>(level.height);
  // false of what is not a number, too
  if (!(point.x > Real(-1) && point.x < width && point.y > Real(-1) && point.y < height)) return place;
  const Real left = std::floor(point.x), top = std::floor(point.y);
  const int32_t column = static_cast<int32_t>(left), row = static_cast<int32_t>(top);
  // may wrap where there is no such pixel
  const uint32_t pixel = static_cast<uint32_t>(level.start) +
                         static_cast<uint32_t>(row) * static_cast<uint32_t>(level.width) +
                         static_cast<uint32_t>(column);
  const bool has_left = column >= 0, has_right = column + 1 < level.width;
  const bool has_upper = row >= 0, has_lower = row + 1 < level.height;
  if (has_upper && has_left) place.corners.element[0] = static_cast<int32_t>(pixel);
  if (has_upper && has_right) place.corners.element[1] = static_cast<int32_t>(pixel + 1);
  if (has_lower && has_left) place.corners.element[2] = static_cast<int32_t>(pixel + level.width);
  if (has_lower && has_right) place.corners.element[3] = static_cast<int32_t>(pixel + level.width + 1);
  place.right = point.x - left;
  place.down = point.y - top;
  place.attention = point.attention;
  return place;
}

// The weights of the corners, 0 for those that are not there.
template <typename Real>
__device__ inline Four<Real> WeightsOf(const Place<Real>& place) {
  const Real left = 1 - place.right, up = 1 - place.down;
  Four<Real> weights = {{left * up, place.right * up, left * place.down, place.right * place.down}};
  for (int c = 0; c < 4; ++c) {
    weights.element[c] = place.corners.element[c] < 0 ? Real(0) : place.attention * weights.element[c];
  }
  return weights;
}

// What one point's channels add up to: the gradients of its attention weight and of its place in pixels.
template <typename Real>
struct PointGradient {
  Real attention, x, y;
};

// Over the lanes of a group, the same in all of them.
template <typename Real>
__device__ inline PointGradient<Real> SumOfLanes(const Geometry& geometry, PointGradient<Real> sum) {
#pragma unroll 1
  for (int distance = geometry.lanes / 2; distance > 0; distance /= 2) {
    sum.attention += __shfl_xor_sync(kAllLanes, sum.attention, distance);
    sum.x += __shfl_xor_sync(kAllLanes, sum.x, distance);
    sum.y += __shfl_xor_sync(kAllLanes, sum.y, distance);
  }
  return sum;
}

// Where the points of a group come from, and where their gradients go. Both forms have
//
//   OfGroup Begin(geometry, group)                   called by all lanes of a warp
//   Point Read(geometry, own, i, l)                  of the group's point i, which lies in level l
//   void Write(geometry, &own, i, l, gradient)       by the lane that has point i
//   void End(geometry, group, own)                   called by all lanes of a warp

// The plain entry: locations and attention weights.
template <typename Real_>
struct GivenPoints {
  using Real = Real_;
  struct OfGroup {
    int64_t first;  // its first point
  };

  const Real* locations;
  const Real* weights;
  Real* grad_locations;
  Real* grad_weights;

  __device__ OfGroup Begin(const Geometry& geometry, const Group& group) const {
    return {group.index * geometry.all_points};
  }

  __device__ Point<Real> Read(const Geometry& geometry, const OfGroup& own, int32_t i, int32_t l) const {
    const Level& level = geometry.level[l];
    const Real* location = locations + 2 * (own.first + i);
    return {__ldg(location) * static_cast<Real>(level.width) - Real(0.5),
            __ldg(location + 1) * static_cast<Real>(level.height) - Real(0.5), __ldg(weights + own.first + i)};
  }

  __device__ void Write(const Geometry& geometry, OfGroup* own, int32_t i, int32_t l,
                        const PointGradient<Real>& gradient) const {
    // a location is in units of the level's size
    const Level& level = geometry.level[l];
    grad_locations[2 * (own->first + i)] = gradient.x * static_cast<Real>(level.width);
    grad_locations[2 * (own->first + i) + 1] = gradient.y * static_cast<Real>(level.height);
    grad_weights[own->first + i] = gradient.attention;
  }

  __device__ void End(const Geometry& geometry, const Group& group, const OfGroup& own) const {}
};

// The fused entry: reference points, offsets and logits.
template <typename Real_>
struct ProjectedPoints {
  using Real = Real_;
  struct OfGroup {
    int64_t first;              // its first point
    const Real* reference;      // its query's
    Real largest, inverse_sum;  // of the softmax: of the logits, and of the sum of their exponentials
    Real sum_of_products;       // of attention weights and their gradients, over the lane's points
  };

  const Real* reference;
  const Real* offsets;
  const Real* logits;
  MsDeformAttnReferenceSizes sizes;
  Real* grad_offsets;
  Real* grad_logits;
  // leaves grad_offsets in pixels, for ReferenceGradientKernel
  bool keeps_pixels;

  __device__ OfGroup Begin(const Geometry& geometry, const Group& group) const {
    OfGroup own;
    own.first = group.index * geometry.all_points;
    own.reference = reference + (sizes.batch == 1 ? group.query : group.row) * sizes.levels * sizes.coordinates;
    own.sum_of_products = 0;
    const int32_t count = group.is_spare ? 0 : geometry.all_points;
    Real largest = -INFINITY, sum = 0;
#pragma unroll 1
    for (int32_t i = group.lane; i < count; i += geometry.lanes) {
      const Real logit = __ldg(logits + own.first + i);
      largest = largest < logit ? logit : largest;
    }
    own.largest = LargestOfLanes(geometry, largest);
#pragma unroll 1
    for (int32_t i = group.lane; i < count; i += geometry.lanes) {
      sum += std::exp(__ldg(logits + own.first + i) - own.largest);
    }
    own.inverse_sum = 1 / SumOfLanes(geometry, sum);
    return own;
  }

  __device__ Real Attention(const OfGroup& own, int32_t i) const {
    return std::exp(__ldg(logits + own.first + i) - own.largest) * own.inverse_sum;
  }

  __device__ const Real* ReferenceOf(const Geometry& geometry, const OfGroup& own, int32_t level) const {
    return own.reference + (sizes.levels == 1 ? 0 : level * sizes.coordinates);
  }

  __device__ Point<Real> Read(const Geometry& geometry, const OfGroup& own, int32_t i, int32_t l) const {
    const Real width = static_cast<Real>(geometry.level[l].width), height = static_cast<Real>(geometry.level[l].height);
    const Real* from = ReferenceOf(geometry, own, l);
    Real x = __ldg(offsets + 2 * (own.first + i)), y = __ldg(offsets + 2 * (own.first + i) + 1);
    if (sizes.coordinates == 4) {
      const Real half = Real(0.5) / static_cast<Real>(geometry.points);
      x *= __ldg(from + 2) * half * width;
      y *= __ldg(from + 3) * half * height;
    }
    return {__ldg(from) * width - Real(0.5) + x, __ldg(from + 1) * height - Real(0.5) + y, Attention(own, i)};
  }

  __device__ void Write(const Geometry& geometry, OfGroup* own, int32_t i, int32_t l,
                        const PointGradient<Real>& gradient) const {
    Real x = gradient.x, y = gradient.y;
    if (sizes.coordinates == 4 && !keeps_pixels) {
      const Real* from = ReferenceOf(geometry, *own, l);
      const Real half = Real(0.5) / static_cast<Real>(geometry.points);
      x *= __ldg(from + 2) * half * static_cast<Real>(geometry.level[l].width);
      y *= __ldg(from + 3) * half * static_cast<Real>(geometry.level[l].height);
    }
    grad_offsets[2 * (own->first + i)] = x;
    grad_offsets[2 * (own->first + i) + 1] = y;
    // that of the weight for now; End makes it the logit's
    grad_logits[own->first + i] = gradient.attention;
    own->sum_of_products += Attention(*own, i) * gradient.attention;
  }

  __device__ void End(const Geometry& geometry, const Group& group, const OfGroup& own) const {
    const Real sum = SumOfLanes(geometry, own.sum_of_products);
    if (group.is_spare) return;
      // the lane's own points: nobody else has written there
#pragma unroll 1
    for (int32_t i = group.lane; i < geometry.all_points; i += geometry.lanes) {
      Real* gradient = grad_logits + own.first + i;
      *gradient = Attention(own, i) * (*gradient - sum);
    }
  }
};

// ---- the gradient of the value

#if OPS_CUDA_ARCH >= 900
constexpr bool kAddsFourFloats = true;  // Hopper
#else
constexpr bool kAddsFourFloats = false;
#endif

// Adds in whatever order the threads come.
template <typename Real>
struct AtomicSum {
  Real* value;

  __device__ AtomicSum Begin() const { return *this; }

  template <int kVector>
  __device__ void Add(int64_t index, const Real* addend) const {
    if constexpr (kAddsFourFloats && std::is_same_v<Real, float> && kVector % 4 == 0) {
      for (int k = 0; k < kVector; k += 4) {
        atomicAdd(reinterpret_cast<float4*>(value + index + k),
                  make_float4(addend[k], addend[k + 1], addend[k + 2], addend[k + 3]));
      }
    } else {
      for (int k = 0; k < kVector; ++k) atomicAdd(value + index + k, addend[k]);
    }
  }
};

// The bits of a number that is not negative, which order as the numbers do, infinity and NaNs last.
template <typename Real>
using BitsOf = std::conditional_t<sizeof(Real) == sizeof(uint32_t), unsigned, unsigned long long>;

// The workspace of the deterministic sums: first the largest possible addend, then a sum for each element.
template <typename Real>
struct Workspace {
  unsigned long long* memory;
  int32_t addends_log2;  // each element has fewer than two to this power

  __device__ BitsOf<Real>* Largest() const { return reinterpret_cast<BitsOf<Real>*>(memory); }
  __device__ unsigned long long* Sums() const { return memory + 1; }
  // Not finite: there was an infinity, or what is not a number.
  __device__ Real LargestAddend() const {
    const BitsOf<Real> bits = *Largest();
    Real largest;
    memcpy(&largest, &bits, sizeof(largest));
    return largest;
  }

  // Units of one, a power of two: so many that 2^addends_log2 of the largest addend stay below 2^61.
  __device__ Real Scale() const {
    int exponent = 0;
    std::frexp(LargestAddend(), &exponent);
    // within the exponents of normal floats, and of their inverses
    const int log2 = 61 - addends_log2 - exponent;
    return std::ldexp(Real(1), log2 > 126 ? 126 : (log2 < -126 ? -126 : log2));
  }
};

// Adds in fixed point: integers have the same sum in every order.
template <typename Real>
struct FixedPointSum {
  Workspace<Real> workspace;

  struct Scaled {
    unsigned long long* sums;
    Real scale;

    template <int kVector>
    __device__ void Add(int64_t index, const Real* addend) const {
      for (int k = 0; k < kVector; ++k) {
        atomicAdd(sums + index + k, static_cast<unsigned long long>(std::llrint(addend[k] * scale)));
      }
    }
  };
  __device__ Scaled Begin() const { return {workspace.Sums(), workspace.Scale()}; }
};

}  // namespace ms_deform_attn_kernels
}  // namespace OPS_CUDA_NAMESPACE
}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_DEVICE_H_
