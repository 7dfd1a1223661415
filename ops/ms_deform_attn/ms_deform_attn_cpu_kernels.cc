// How it works. The value of one head is copied into a bordered form (ms_deform_attn_cpu_border.h). For each query of
// the head the points are set up once, a vector of points at a time; then the channels of the corners are summed with
// the corner weights (forward), or dotted with the gradient and added to the bordered gradient of the head (backward).
// README.md has the measurements.
//
// Highway includes this file once a target. The operations and their order are the same on all: registers hold a whole
// or half a virtual vector of 64 bytes, multiply-adds are fused where the text says so, and nowhere else.
#include "ops/ms_deform_attn/ms_deform_attn_cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/ms_deform_attn/ms_deform_attn_cpu_kernels.cc"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "ops/cpu_target/cpu_target.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu_border.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu_channels-inl.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu_points-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ops {
namespace HWY_NAMESPACE {

// Virtual vectors of sums that fit the registers: AVX2 has 16, AVX-512 32.
template <typename Real>
constexpr int kForwardBlock = 4 / kParts<Real>;
// The dots are summed block by block, so a block is the same on every target.
constexpr int kBackwardBlock = 2;

template <typename T>
void Forward(const MsDeformAttnSizes& sizes, const T* value,
             const MsDeformAttnCpuPoints<MsDeformAttnCpuReal<T>>& inputs, int64_t begin, int64_t end, T* output) {
  using Real = MsDeformAttnCpuReal<T>;
  if (begin >= end) return;
  const Border border(sizes);
  const HeadLayout<Real> layout = {&border, sizes.channels, sizes.heads * sizes.channels,
                                   BorderedChannels<Real>(sizes.channels)};
  const int64_t bytes = static_cast<int64_t>(sizeof(Real));
  const BorderedBuffer buffer(BufferUse::kForward, border, layout.row * bytes, sizes.channels * bytes);
  Real* bordered = static_cast<Real*>(buffer.data());
  Points<Real> points(sizes, border, layout.row, inputs);
  const Array<Real> sums(layout.row);
  int64_t packed = -1;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t batch_and_head = item / sizes.queries, query = item % sizes.queries;
    const int64_t batch = batch_and_head / sizes.heads, head = batch_and_head % sizes.heads;
    if (batch_and_head != packed) {
      Pack(layout, value + (batch * sizes.size * sizes.heads + head) * sizes.channels, bordered);
      packed = batch_and_head;
    }
    points.template SetUp<false>(batch, query, head);
    T* out = output + ((batch * sizes.queries + query) * sizes.heads + head) * sizes.channels;
    Real* to = sums.get();
    if constexpr (std::is_same_v<T, Real>) {
      if (sizes.channels == layout.row) to = out;
    }
    const PointArrays<Real> arrays = points.arrays();
    ForEachBlock<kForwardBlock<Real>, Real>(layout.row, [&](auto virtuals, int64_t k) HWY_ATTR {
      Sample<virtuals()>(arrays, bordered + k, layout.row, to + k);
    });
    if (to == sums.get()) CopyStored(to, sizes.channels, out);
  }
}

template <typename T>
void Backward(const MsDeformAttnSizes& sizes, const T* value,
              const MsDeformAttnCpuPoints<MsDeformAttnCpuReal<T>>& inputs, const T* grad_output,
              const MsDeformAttnRange& range, const MsDeformAttnRangeGradients<T, MsDeformAttnCpuReal<T>>& gradients) {
  using Real = MsDeformAttnCpuReal<T>;
  const Border border(sizes);
  // a pixel is its value, then its gradient
  const int64_t channels = BorderedChannels<Real>(sizes.channels), row = 2 * channels;
  const HeadLayout<Real> layout = {&border, sizes.channels, sizes.heads * sizes.channels, row};
  const int64_t bytes = static_cast<int64_t>(sizeof(Real));
  // used are the value's channels and the whole gradient: its padding is only ever added zero times something
  const BorderedBuffer buffer(BufferUse::kBackward, border, row * bytes, sizes.channels * bytes);
  Real* bordered = static_cast<Real*>(buffer.data());
  Points<Real> points(sizes, border, row, inputs);
  const Array<Real> grad(channels);
  std::fill_n(grad.get(), channels, Real(0));
  const int64_t first_pixel = (range.batch * sizes.size * sizes.heads + range.head) * sizes.channels;
  Pack(layout, value + first_pixel, bordered);
  for (int64_t pixel = 0; pixel < border.pixels(); ++pixel) {
    std::fill_n(bordered + pixel * row + channels, channels, Real(0));
  }
  const int64_t count = sizes.levels * sizes.points;
  for (int64_t query = range.begin; query < range.end; ++query) {
    const int64_t index = (range.batch * sizes.queries + query) * sizes.heads + range.head;
    points.template SetUp<true>(range.batch, query, range.head);
    const T* from = grad_output + index * sizes.channels;
    PrefetchLines(from + kAhead * sizes.heads * sizes.channels, sizes.channels);
    CopyStored(from, sizes.channels, grad.get());
    const PointArrays<Real> arrays = points.arrays();
    ForEachBlock<kBackwardBlock, Real>(channels, [&](auto virtuals, int64_t k) HWY_ATTR {
      DotAndScatter<virtuals()>(arrays, grad.get() + k, row, channels, k == 0, bordered + k);
    });
    Real* grad_reference = nullptr;
    if (gradients.reference_of_heads != nullptr) {
      grad_reference = gradients.reference_of_heads + index * sizes.levels * inputs.reference.coordinates;
    }
    points.Differentiate(gradients.positions + index * count * 2, gradients.weights + index * count, grad_reference);
  }
  if (gradients.value != nullptr) {
    Unpack(layout, bordered + channels, gradients.value + first_pixel);
  } else {
    const HeadLayout<Real> dense = {&border, sizes.channels, sizes.channels, row};
    Unpack(dense, bordered + channels, gradients.value_of_range);
  }
}

template <typename T>
void Round(const MsDeformAttnCpuReal<T>* from, int64_t count, T* to) {
  CopyStored(from, count, to);
}

template <typename T>
constexpr MsDeformAttnKernels<T> kKernels = {Forward<T>, Backward<T>, Round<T>};

}  // namespace HWY_NAMESPACE
}  // namespace ops
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_STATIC_TARGET != HWY_AVX2 && HWY_STATIC_TARGET != HWY_AVX3
#error "the kernels take AVX2 for granted: compile with -march=x86-64-v3"
#endif

namespace ops {

template <typename T>
const MsDeformAttnKernels<T>& CurrentMsDeformAttnKernels() {
#if HWY_TARGETS & HWY_AVX3
  if (CurrentCpuTarget() == CpuTarget::kAvx512) return N_AVX3::kKernels<T>;
#endif
  return HWY_NAMESPACE::kKernels<T>;
}

template const MsDeformAttnKernels<float>& CurrentMsDeformAttnKernels();
template const MsDeformAttnKernels<double>& CurrentMsDeformAttnKernels();
template const MsDeformAttnKernels<Half>& CurrentMsDeformAttnKernels();
template const MsDeformAttnKernels<BFloat16>& CurrentMsDeformAttnKernels();

}  // namespace ops
#endif
