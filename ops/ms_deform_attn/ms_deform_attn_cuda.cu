// The kernels, and their launches.
#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda_device.h"

namespace ops {
inline namespace OPS_CUDA_NAMESPACE {
namespace ms_deform_attn_kernels {

// Blocks that a multiprocessor has registers for: as many as the compiler manages without spilling any, by its report
// of every architecture (ms_deform_attn_cuda_profile.csv).
constexpr int kForwardBlocks = 3;
template <int kVector, typename Sum>
constexpr int kBackwardBlocks = std::is_same_v<Sum, AtomicSum<float>>&& kVector <= 4 ? 3 : 2;

// In turns: each lane sets up some of the group's points in shared memory, then all lanes read all of them.
template <int kVector, typename T, typename Points>
__global__ void __launch_bounds__(kThreads, kForwardBlocks)
    ForwardKernel(const __grid_constant__ Geometry geometry, const Points points, const T* value, T* output) {
  using Real = MsDeformAttnReal<T>;
  // whose four corners are read before they are needed: eight loads, or four where their elements are sixteen bits wide
  // and take twice the registers once they are floats
  [[maybe_unused]] constexpr int kPointsAtOnce = kVector == 8 ? 1 : 2;
  __shared__ Corners shared_corners[kSharedPoints];
  __shared__ Four<Real> shared_weights[kSharedPoints];
  const Group group = OwnGroup(geometry, kVector);
  const auto own = points.Begin(geometry, group);
  const int32_t turn = kPointsOfLane * geometry.lanes;
  const int32_t row = static_cast<int32_t>(threadIdx.x >> geometry.lanes_log2) * (turn + 1);
  Corners* corners = shared_corners + row;
  Four<Real>* weights = shared_weights + row;
  const bool has_channels = group.channel < geometry.channels && !group.is_spare;
  const T* from = value + group.value + group.channel;
  Real sum[kVector] = {};
  for (int32_t first = 0; first < geometry.all_points; first += turn) {
    const int32_t count = min(turn, geometry.all_points - first);
    __syncwarp();
#pragma unroll 1
    for (int32_t i = group.lane; i < count && !group.is_spare; i += geometry.lanes) {
      const int32_t l = (first + i) / geometry.points;
      const Place<Real> place = PlaceOf(points.Read(geometry, own, first + i, l), geometry.level[l]);
      corners[i] = place.corners;
      weights[i] = WeightsOf(place);
    }
    __syncwarp();
    if (!has_channels) continue;
#pragma unroll kPointsAtOnce
    for (int32_t i = 0; i < count; ++i) {
      const Corners pixels = corners[i];
      const Four<Real> weight = weights[i];
      Pack<T, kVector> read[4] = {};
      for (int c = 0; c < 4; ++c) {
        const int32_t pixel = pixels.element[c];
        if (pixel >= 0) read[c] = Load<kVector>(from + int64_t{pixel} * geometry.step);
      }
      for (int c = 0; c < 4; ++c) {
        for (int k = 0; k < kVector; ++k) sum[k] += weight.element[c] * static_cast<Real>(read[c].element[k]);
      }
    }
  }
  if (!has_channels) return;
  Pack<T, kVector> pack;
  for (int k = 0; k < kVector; ++k) pack.element[k] = static_cast<T>(sum[k]);
  Store(output + group.index * geometry.channels + group.channel, pack);
}

// One point's share of a lane: adds the lane's channels' gradient to `sum`, and returns what they add to the gradients
// of the point.
template <int kVector, typename T, typename Real, typename Sum>
__device__ inline PointGradient<Real> BackwardOfPoint(const Geometry& geometry, const Group& group,
                                                      const Place<Real>& place, const T* value, const T* grad_output,
                                                      const Pack<T, kVector>& first_grad, const Sum& sum) {
  const Real left = 1 - place.right, up = 1 - place.down;
  const Real bilinear[4] = {left * up, place.right * up, left * place.down, place.right * place.down};
  PointGradient<Real> gradient = {0, 0, 0};
#pragma unroll 1
  for (int32_t channel = group.channel; channel < geometry.channels; channel += geometry.lanes * kVector) {
    Pack<T, kVector> grad = first_grad;
    if (channel != group.channel) grad = Load<kVector>(grad_output + group.index * geometry.channels + channel);
    const int64_t base = group.value + channel;
    Pack<T, kVector> read[4] = {};
    for (int c = 0; c < 4; ++c) {
      const int32_t pixel = place.corners.element[c];
      if (pixel >= 0) read[c] = Load<kVector>(value + base + int64_t{pixel} * geometry.step);
    }
    Real dot[4] = {0, 0, 0, 0};
    for (int c = 0; c < 4; ++c) {
      const int32_t pixel = place.corners.element[c];
      if (pixel < 0) continue;
      const Real weight = place.attention * bilinear[c];
      Real addend[kVector];
      for (int k = 0; k < kVector; ++k) {
        const Real g = static_cast<Real>(grad.element[k]);
        dot[c] += g * static_cast<Real>(read[c].element[k]);
        addend[k] = weight * g;
      }
      sum.template Add<kVector>(base + int64_t{pixel} * geometry.step, addend);
      gradient.attention += bilinear[c] * dot[c];
    }
    gradient.x += (dot[1] - dot[0]) * up + (dot[3] - dot[2]) * place.down;
    gradient.y += (dot[2] - dot[0]) * left + (dot[3] - dot[1]) * place.right;
  }
  return {gradient.attention, place.attention * gradient.x, place.attention * gradient.y};
}

// What a lane leaves in shared memory of a point, beside its corners.
template <typename Real>
__device__ inline Four<Real> Packed(const Place<Real>& place) {
  return {{place.right, place.down, place.attention, 0}};
}

template <int kVector, typename T, typename Points, typename Sum>
__global__ void __launch_bounds__(kThreads, kBackwardBlocks<kVector, Sum>)
    BackwardKernel(const __grid_constant__ Geometry geometry, const Points points, const T* value, const T* grad_output,
                   const Sum shared_sum) {
  using Real = MsDeformAttnReal<T>;
  __shared__ Corners shared_corners[kSharedPoints];
  __shared__ Four<Real> shared_places[kSharedPoints];
  const Group group = OwnGroup(geometry, kVector);
  auto own = points.Begin(geometry, group);
  const auto sum = shared_sum.Begin();
  const int32_t turn = kPointsOfLane * geometry.lanes;
  const int32_t row = static_cast<int32_t>(threadIdx.x >> geometry.lanes_log2) * (turn + 1);
  Corners* corners = shared_corners + row;
  Four<Real>* places = shared_places + row;
  const bool has_channels = group.channel < geometry.channels && !group.is_spare;
  Pack<T, kVector> grad = {};
  if (has_channels) grad = Load<kVector>(grad_output + group.index * geometry.channels + group.channel);
  for (int32_t first = 0; first < geometry.all_points; first += turn) {
    const int32_t count = min(turn, geometry.all_points - first);
    __syncwarp();
#pragma unroll 1
    for (int32_t i = group.lane; i < count && !group.is_spare; i += geometry.lanes) {
      const int32_t l = (first + i) / geometry.points;
      const Place<Real> place = PlaceOf(points.Read(geometry, own, first + i, l), geometry.level[l]);
      corners[i] = place.corners;
      places[i] = Packed(place);
    }
    __syncwarp();
#pragma unroll 1
    for (int32_t i = 0; i < count; ++i) {
      PointGradient<Real> gradient = {0, 0, 0};
      if (has_channels) {
        const Four<Real> numbers = places[i];
        const Place<Real> place = {corners[i], numbers.element[0], numbers.element[1], numbers.element[2]};
        gradient = BackwardOfPoint<kVector>(geometry, group, place, value, grad_output, grad, sum);
      }
      gradient = SumOfLanes(geometry, gradient);
      // In the place of what all lanes have read (their sums depend on it), for the lane that has the point.
      if ((i & (geometry.lanes - 1)) == group.lane) places[i] = {{gradient.attention, gradient.x, gradient.y, 0}};
    }
#pragma unroll 1
    for (int32_t i = group.lane; i < count && !group.is_spare; i += geometry.lanes) {
      const Four<Real> numbers = places[i];
      points.Write(geometry, &own, first + i, (first + i) / geometry.points,
                   {numbers.element[0], numbers.element[1], numbers.element[2]});
    }
  }
  points.End(geometry, group, own);
}

// Leaves the largest addend that the backward pass can have in the workspace: the product of a group's largest
// attention weight, of the points that take part, and its largest gradient.
template <typename T, typename Points>
__global__ void __launch_bounds__(kThreads)
    LargestAddendKernel(const __grid_constant__ Geometry geometry, const Points points, const T* grad_output,
                        const Workspace<MsDeformAttnReal<T>> workspace) {
  using Real = MsDeformAttnReal<T>;
  using Bits = BitsOf<Real>;
  const auto bits_of = [](Real x) {
    x = std::abs(x);
    Bits bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
  };
  const Group group = OwnGroup(geometry, 1);
  const auto own = points.Begin(geometry, group);
  Bits attention = 0, grad = 0;
  for (int32_t i = group.lane; i < geometry.all_points && !group.is_spare; i += geometry.lanes) {
    const int32_t l = i / geometry.points;
    const Place<Real> place = PlaceOf(points.Read(geometry, own, i, l), geometry.level[l]);
    attention = max(attention, bits_of(place.attention));
  }
  for (int32_t channel = group.lane; channel < geometry.channels && !group.is_spare; channel += geometry.lanes) {
    grad = max(grad, bits_of(static_cast<Real>(grad_output[group.index * geometry.channels + channel])));
  }
  attention = LargestOfLanes(geometry, attention);
  grad = LargestOfLanes(geometry, grad);
  if (group.lane != 0 || attention == 0) return;
  Real a, g;
  memcpy(&a, &attention, sizeof(a));
  memcpy(&g, &grad, sizeof(g));
  const Bits product = bits_of(a * g);
  // it only grows, so an old one that is read here is one addition too many at most
  if (product > *workspace.Largest()) atomicMax(workspace.Largest(), product);
}

// The sums in fixed point as numbers.
template <typename Real>
__global__ void __launch_bounds__(kThreads)
    FromFixedPointKernel(int64_t count, const Workspace<Real> workspace, Real* value) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  const Real largest = workspace.LargestAddend(), unit = 1 / workspace.Scale();
  const Real sum = static_cast<Real>(static_cast<long long>(workspace.Sums()[i])) * unit;
  // 0 * infinity is not a number
  value[i] = std::isfinite(largest) ? sum : largest * 0;
}

// The gradients of one axis of one reference point, and of its box where it has one, out of those of the places in
// pixels, which become those of the offsets. One thread each, over images and levels that share it, heads and points.
template <typename Real>
__global__ void __launch_bounds__(kThreads)
    ReferenceGradientKernel(const __grid_constant__ Geometry geometry, int64_t batch, int32_t levels, int64_t count,
                            const ProjectedPoints<Real> points, Real* grad_reference) {
  const MsDeformAttnReferenceSizes& sizes = points.sizes;
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (thread >= count) return;
  const int32_t axis = static_cast<int32_t>(thread % 2);
  const int64_t reference = thread / 2, query = reference / sizes.levels;
  const int32_t level = static_cast<int32_t>(reference % sizes.levels);
  const Real* from = points.reference + reference * sizes.coordinates;
  const bool has_box = sizes.coordinates == 4;
  const Real side = has_box ? from[2 + axis] * (Real(0.5) / static_cast<Real>(geometry.points)) : Real(0);
  Real by_place = 0, by_side = 0;
  for (int64_t b = 0; b < (sizes.batch == 1 ? batch : 1); ++b) {
    for (int32_t head = 0; head < geometry.heads; ++head) {
      const int64_t group = (b * geometry.queries + query) * geometry.heads + head;
      for (int32_t l = level; l < (sizes.levels == 1 ? levels : level + 1); ++l) {
        const Real size = static_cast<Real>(axis == 0 ? geometry.level[l].width : geometry.level[l].height);
        for (int32_t p = 0; p < geometry.points; ++p) {
          const int64_t i = 2 * (group * geometry.all_points + int64_t{l} * geometry.points + p) + axis;
          const Real gradient = points.grad_offsets[i] * size;
          by_place += gradient;
          if (!has_box) continue;
          by_side += gradient * points.offsets[i];
          points.grad_offsets[i] = gradient * side;
        }
      }
    }
  }
  grad_reference[reference * sizes.coordinates + axis] = by_place;
  if (has_box) {
    grad_reference[reference * sizes.coordinates + 2 + axis] =
        by_side * (Real(0.5) / static_cast<Real>(geometry.points));
  }
}

// ---- launches

// Expects MsDeformAttnCudaFits(sizes). Where a group's channels do not fit the vectors of a warp, `shares_channels`
// blocks share them; otherwise the lanes take turns.
inline Geometry MakeGeometry(const MsDeformAttnSizes& sizes, int vector, bool shares_channels) {
  Geometry geometry = {};
  geometry.image = sizes.size * sizes.heads * sizes.channels;
  geometry.queries = static_cast<int32_t>(sizes.queries);
  geometry.heads = static_cast<int32_t>(sizes.heads);
  geometry.channels = static_cast<int32_t>(sizes.channels);
  geometry.step = geometry.heads * geometry.channels;
  geometry.points = static_cast<int32_t>(sizes.points);
  geometry.all_points = static_cast<int32_t>(sizes.levels) * geometry.points;
  geometry.lanes = 1;
  while (geometry.lanes < kWarp && geometry.lanes * vector < geometry.channels) {
    geometry.lanes *= 2;
    ++geometry.lanes_log2;
  }
  const int32_t queries_of_block = kThreads / geometry.lanes, channels_of_block = geometry.lanes * vector;
  geometry.tiles = (geometry.queries + queries_of_block - 1) / queries_of_block;
  geometry.slices = shares_channels ? (geometry.channels + channels_of_block - 1) / channels_of_block : 1;
  int32_t start = 0;
  for (int64_t l = 0; l < sizes.levels; ++l) {
    geometry.level[l] = {static_cast<int32_t>(sizes.spatial_shapes[2 * l]),
                         static_cast<int32_t>(sizes.spatial_shapes[2 * l + 1]), start};
    start += geometry.level[l].height * geometry.level[l].width;
  }
  return geometry;
}

// Launches blocks of kThreads.
template <typename... Parameters, typename... Arguments>
cudaError_t LaunchBlocks(void (*kernel)(Parameters...), int64_t blocks, cudaStream_t stream,
                         const Arguments&... arguments) {
  // the largest grid of all devices
  if (blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  return Launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream, arguments...);
}

inline int64_t Blocks(const MsDeformAttnSizes& sizes, const Geometry& geometry) {
  int64_t blocks = 0;
  const bool overflows = __builtin_mul_overflow(sizes.batch * geometry.tiles, sizes.heads * geometry.slices, &blocks);
  return overflows ? INT64_MAX : blocks;
}

template <typename... Pointers>
bool AreAligned(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % kLoadBytes == 0) && ...);
}

// Calls body(how many channels a thread has at once).
template <typename T, typename Body, typename... Pointers>
cudaError_t WithVector(const MsDeformAttnSizes& sizes, const Body& body, Pointers... pointers) {
  constexpr int kWide = kLoadBytes / sizeof(T);
  if (sizes.channels % kWide == 0 && AreAligned(pointers...)) return body(std::integral_constant<int, kWide>());
  return body(std::integral_constant<int, 1>());
}

template <typename T, typename Points>
cudaError_t LaunchForward(const MsDeformAttnSizes& sizes, const Points& points, const T* value, T* output,
                          cudaStream_t stream) {
  const auto launch = [&](auto vector) {
    constexpr int kVector = decltype(vector)::value;
    const Geometry geometry = MakeGeometry(sizes, kVector, /*shares_channels=*/true);
    return LaunchBlocks(ForwardKernel<kVector, T, Points>, Blocks(sizes, geometry), stream, geometry, points, value,
                        output);
  };
  return WithVector<T>(sizes, launch, value, output);
}

template <typename T, typename Points, typename Sum>
cudaError_t LaunchBackwardInto(const Sum& sum, const MsDeformAttnSizes& sizes, const Points& points, const T* value,
                               const T* grad_output, const void* grad_value, cudaStream_t stream) {
  const auto launch = [&](auto vector) {
    constexpr int kVector = decltype(vector)::value;
    const Geometry geometry = MakeGeometry(sizes, kVector, /*shares_channels=*/false);
    return LaunchBlocks(BackwardKernel<kVector, T, Points, Sum>, Blocks(sizes, geometry), stream, geometry, points,
                        value, grad_output, sum);
  };
  return WithVector<T>(sizes, launch, value, grad_output, grad_value);
}

template <typename T, typename Points, typename Real>
cudaError_t LaunchBackward(const MsDeformAttnSizes& sizes, const Points& points, const T* value, const T* grad_output,
                           Real* grad_value, void* memory, cudaStream_t stream) {
  if (memory == nullptr) {
    return LaunchBackwardInto(AtomicSum<Real>{grad_value}, sizes, points, value, grad_output, grad_value, stream);
  }
  Workspace<Real> workspace = {static_cast<unsigned long long*>(memory), 0};
  // an element has at most one addend of each point
  while (int64_t{1} << workspace.addends_log2 <= sizes.queries * sizes.points) ++workspace.addends_log2;
  const Geometry geometry = MakeGeometry(sizes, 1, /*shares_channels=*/false);
  cudaError_t error = LaunchBlocks(LargestAddendKernel<T, Points>, Blocks(sizes, geometry), stream, geometry, points,
                                   grad_output, workspace);
  if (error != cudaSuccess) return error;
  error = LaunchBackwardInto(FixedPointSum<Real>{workspace}, sizes, points, value, grad_output, nullptr, stream);
  if (error != cudaSuccess) return error;
  const int64_t count = sizes.batch * geometry.image;
  return LaunchBlocks(FromFixedPointKernel<Real>, (count + kThreads - 1) / kThreads, stream, count, workspace,
                      grad_value);
}

}  // namespace ms_deform_attn_kernels

template <typename T>
cudaError_t LaunchMsDeformAttnForward(const MsDeformAttnSizes& sizes,
                                      const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, T* output,
                                      cudaStream_t stream) {
  const ms_deform_attn_kernels::GivenPoints<MsDeformAttnReal<T>> points = {inputs.sampling_locations,
                                                                           inputs.attention_weights, nullptr, nullptr};
  return ms_deform_attn_kernels::LaunchForward(sizes, points, inputs.value, output, stream);
}

template <typename T>
cudaError_t LaunchMsDeformAttnFusedForward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                           const MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>>& inputs, T* output,
                                           cudaStream_t stream) {
  const ms_deform_attn_kernels::ProjectedPoints<MsDeformAttnReal<T>> points = {
      inputs.reference_points, inputs.sampling_offsets, inputs.attention_logits, reference, nullptr, nullptr, false};
  return ms_deform_attn_kernels::LaunchForward(sizes, points, inputs.value, output, stream);
}

template <typename T>
cudaError_t LaunchMsDeformAttnBackward(const MsDeformAttnSizes& sizes,
                                       const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, const T* grad_output,
                                       const MsDeformAttnGradients<MsDeformAttnReal<T>>& gradients, void* workspace,
                                       cudaStream_t stream) {
  const ms_deform_attn_kernels::GivenPoints<MsDeformAttnReal<T>> points = {
      inputs.sampling_locations, inputs.attention_weights, gradients.sampling_locations, gradients.attention_weights};
  return ms_deform_attn_kernels::LaunchBackward(sizes, points, inputs.value, grad_output, gradients.value, workspace,
                                                stream);
}

template <typename T>
cudaError_t LaunchMsDeformAttnFusedBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                            const MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>>& inputs,
                                            const T* grad_output,
                                            const MsDeformAttnFusedGradients<MsDeformAttnReal<T>>& gradients,
                                            void* workspace, cudaStream_t stream) {
  namespace kernels = ms_deform_attn_kernels;
  using Real = MsDeformAttnReal<T>;
  const bool wants_reference = gradients.reference_points != nullptr;
  const kernels::ProjectedPoints<Real> points = {
      inputs.reference_points,    inputs.sampling_offsets,    inputs.attention_logits, reference,
      gradients.sampling_offsets, gradients.attention_logits, wants_reference};
  const cudaError_t error =
      kernels::LaunchBackward(sizes, points, inputs.value, grad_output, gradients.value, workspace, stream);
  if (error != cudaSuccess || !wants_reference) return error;
  const int64_t count = reference.batch * sizes.queries * reference.levels * 2;
  return kernels::LaunchBlocks(kernels::ReferenceGradientKernel<Real>,
                               (count + kernels::kThreads - 1) / kernels::kThreads, stream,
                               kernels::MakeGeometry(sizes, 1, false), sizes.batch, static_cast<int32_t>(sizes.levels),
                               count, points, gradients.reference_points);
}

#define OPS_INSTANTIATE(T)                                                                                             \
  template cudaError_t LaunchMsDeformAttnForward(const MsDeformAttnSizes&,                                             \
                                                 const MsDeformAttnInputs<T, MsDeformAttnReal<T>>&, T*, cudaStream_t); \
  template cudaError_t LaunchMsDeformAttnFusedForward(const MsDeformAttnSizes&, const MsDeformAttnReferenceSizes&,     \
                                                      const MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>>&, T*,      \
                                                      cudaStream_t);                                                   \
  template cudaError_t LaunchMsDeformAttnBackward(                                                                     \
      const MsDeformAttnSizes&, const MsDeformAttnInputs<T, MsDeformAttnReal<T>>&, const T*,                           \
      const MsDeformAttnGradients<MsDeformAttnReal<T>>&, void*, cudaStream_t);                                         \
  template cudaError_t LaunchMsDeformAttnFusedBackward(                                                                \
      const MsDeformAttnSizes&, const MsDeformAttnReferenceSizes&,                                                     \
      const MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>>&, const T*,                                                \
      const MsDeformAttnFusedGradients<MsDeformAttnReal<T>>&, void*, cudaStream_t)
OPS_INSTANTIATE(float);
OPS_INSTANTIATE(double);
OPS_INSTANTIATE(__half);
OPS_INSTANTIATE(__nv_bfloat16);
#undef OPS_INSTANTIATE

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace ops
