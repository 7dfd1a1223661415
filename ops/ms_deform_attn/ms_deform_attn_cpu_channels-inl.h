// The channels of one head: copying them into the bordered form and back, summing them over points (forward), dotting
// and scattering (backward). Compiled once a target: see ms_deform_attn_cpu_kernels.cc.
#if defined(OPS_MS_DEFORM_ATTN_CPU_CHANNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OPS_MS_DEFORM_ATTN_CPU_CHANNELS_INL_H_
#undef OPS_MS_DEFORM_ATTN_CPU_CHANNELS_INL_H_
#else
#define OPS_MS_DEFORM_ATTN_CPU_CHANNELS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu_points-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ops {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A register of stored values as reals, and back, rounded to nearest.
template <typename Real>
HWY_INLINE Vec<Real> LoadStored(const Real* from) {
  return hn::LoadU(Tag<Real>(), from);
}
template <typename Real>
HWY_INLINE void StoreStored(Vec<Real> values, Real* to) {
  hn::StoreU(values, Tag<Real>(), to);
}
HWY_INLINE Vec<float> LoadStored(const Half* from) {
  const hn::Rebind<hwy::float16_t, Tag<float>> stored;
  return hn::PromoteTo(Tag<float>(), hn::LoadU(stored, reinterpret_cast<const hwy::float16_t*>(from)));
}
HWY_INLINE void StoreStored(Vec<float> values, Half* to) {
  const hn::Rebind<hwy::float16_t, Tag<float>> stored;
  hn::StoreU(hn::DemoteTo(stored, values), stored, reinterpret_cast<hwy::float16_t*>(to));
}
HWY_INLINE Vec<float> LoadStored(const BFloat16* from) {
  const hn::Rebind<uint16_t, Tag<float>> stored;
  const hn::Rebind<uint32_t, Tag<float>> bits;
  const auto wide = hn::PromoteTo(bits, hn::LoadU(stored, reinterpret_cast<const uint16_t*>(from)));
  return hn::BitCast(Tag<float>(), hn::ShiftLeft<16>(wide));
}
HWY_INLINE void StoreStored(Vec<float> values, BFloat16* to) {
  const hn::Rebind<uint16_t, Tag<float>> stored;
  const hn::Rebind<int32_t, Tag<float>> signed_bits;
  const hn::Rebind<uint32_t, Tag<float>> bits;
  const auto raw = hn::BitCast(bits, values);
  const auto is_odd = hn::And(hn::ShiftRight<16>(raw), hn::Set(bits, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(raw, hn::Set(bits, 0x7fffu)), is_odd));
  // rounding could carry a NaN into infinity
  const auto is_nan = hn::RebindMask(bits, hn::IsNaN(values));
  const auto result = hn::IfThenElse(is_nan, hn::Set(bits, 0x7fc0u), rounded);
  hn::StoreU(hn::DemoteTo(stored, hn::BitCast(signed_bits, result)), stored, reinterpret_cast<uint16_t*>(to));
}

// Copies `count` values between storage and reals; nothing beyond them is touched.
template <typename From, typename To>
HWY_INLINE void CopyStored(const From* from, int64_t count, To* to) {
  using Real = std::conditional_t<std::is_same_v<From, double>, double, float>;
  int64_t i = 0;
  for (; i + kLanes<Real> <= count; i += kLanes<Real>) StoreStored(LoadStored(from + i), to + i);
  if (i == count) return;
  From in[kLanes<Real>] = {};
  To out[kLanes<Real>];
  std::copy(from + i, from + count, in);
  StoreStored(LoadStored(in), out);
  std::copy_n(out, count - i, to + i);
}

// How one head lies in `value` and in the bordered form.
template <typename Real>
struct HeadLayout {
  const Border* border;
  int64_t channels;
  int64_t dense_step;  // elements from pixel to pixel in `value`
  int64_t row;         // elements of a bordered pixel
};

// Copies one head into its bordered form. The pixels of a head lie a kilobyte apart, which no prefetcher of the machine
// follows: asking for them 16 ahead takes a fifth off the decoder's forward pass.
template <typename T, typename Real>
HWY_INLINE void Pack(const HeadLayout<Real>& layout, const T* value, Real* bordered) {
  constexpr int64_t kAhead = 16;
  layout.border->ForEachRow([&](int64_t dense, int64_t first, int64_t width) HWY_ATTR {
    const T* from = value + dense * layout.dense_step;
    Real* to = bordered + first * layout.row;
    for (int64_t x = 0; x < width; ++x, from += layout.dense_step, to += layout.row) {
      PrefetchLines(from + kAhead * layout.dense_step, layout.channels);
      CopyStored(from, layout.channels, to);
    }
  });
}
template <typename T, typename Real>
HWY_INLINE void Unpack(const HeadLayout<Real>& layout, const Real* bordered, T* value) {
  layout.border->ForEachRow([&](int64_t dense, int64_t first, int64_t width) HWY_ATTR {
    T* to = value + dense * layout.dense_step;
    const Real* from = bordered + first * layout.row;
    for (int64_t x = 0; x < width; ++x, from += layout.row, to += layout.dense_step) {
      CopyStored(from, layout.channels, to);
    }
  });
}

// Cuts the virtual vectors of a pixel into blocks of at most kMax and calls visit(integral_constant of the block's
// vectors, first element): a constant, so that its sums stay in registers.
template <int kMax, typename Real, typename Visit>
HWY_INLINE void ForEachBlock(int64_t elements, Visit visit) {
  int64_t at = 0;
  for (; at + kMax * kVirtualLanes<Real> <= elements; at += kMax * kVirtualLanes<Real>) {
    visit(std::integral_constant<int, kMax>(), at);
  }
  if constexpr (kMax > 2) {
    for (; at + 2 * kVirtualLanes<Real> <= elements; at += 2 * kVirtualLanes<Real>) {
      visit(std::integral_constant<int, 2>(), at);
    }
  }
  for (; at < elements; at += kVirtualLanes<Real>) visit(std::integral_constant<int, 1>(), at);
}

// Sums kVirtuals virtual vectors of channels over all points and corners.
template <int kVirtuals, typename Real>
HWY_INLINE void Sample(const PointArrays<Real> points, const Real* HWY_RESTRICT bordered, int64_t row,
                       Real* HWY_RESTRICT out) {
  constexpr int kVectors = kVirtuals * kParts<Real>;
  const Tag<Real> d;
  // the corners on the left and those on the right
  Vec<Real> left[kVectors], right[kVectors];
  for (int v = 0; v < kVectors; ++v) left[v] = right[v] = hn::Zero(d);
  for (int64_t i = 0; i < points.count; ++i) {
    const Real* upper = bordered + points.corner[i];
    const Real* lower = upper + points.below[i];
    const auto upper_left = hn::Set(d, points.upper_left[i]), upper_right = hn::Set(d, points.upper_right[i]);
    const auto lower_left = hn::Set(d, points.lower_left[i]), lower_right = hn::Set(d, points.lower_right[i]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const int64_t k = v * kLanes<Real>;
      left[v] = hn::MulAdd(upper_left, hn::Load(d, upper + k), left[v]);
      right[v] = hn::MulAdd(upper_right, hn::Load(d, upper + row + k), right[v]);
      left[v] = hn::MulAdd(lower_left, hn::Load(d, lower + k), left[v]);
      right[v] = hn::MulAdd(lower_right, hn::Load(d, lower + row + k), right[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) hn::StoreU(hn::Add(left[v], right[v]), d, out + v * kLanes<Real>);
}

// Writes the sums over the lanes of four virtual vectors to to[0..3].
template <typename Real>
HWY_INLINE void SumLanes(const Vec<Real> (&vectors)[4][kParts<Real>], Real* to) {
  const Tag<Real> d;
  const HalfTag<Real> half;
  if constexpr (sizeof(Real) == 4) {
    const hn::Rebind<double, hn::CappedTag<double, kVirtualLanes<double>>> pairs;
    Vec<Real> sums[kParts<Real>];
#pragma GCC unroll 2
    for (int part = 0; part < kParts<Real>; ++part) {
      const auto a = vectors[0][part], b = vectors[1][part], c = vectors[2][part], e = vectors[3][part];
      // a0 + a2, b0 + b2, a1 + a3, b1 + b3 in every block of four
      const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
      const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
      const auto ab_pairs = hn::BitCast(pairs, ab), ce_pairs = hn::BitCast(pairs, ce);
      sums[part] = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab_pairs, ce_pairs)),
                           hn::BitCast(d, hn::InterleaveUpper(pairs, ab_pairs, ce_pairs)));
    }
    const hn::Half<HalfTag<Real>> quarter;
    const auto folded = SumHalves<Real>(sums);
    hn::StoreU(hn::Add(hn::LowerHalf(quarter, folded), hn::UpperHalf(quarter, folded)), quarter, to);
  } else {
    const hn::Half<HalfTag<Real>> quarter;
#pragma GCC unroll 2
    for (int pair = 0; pair < 4; pair += 2) {
      const auto a = SumHalves<Real>(vectors[pair]), b = SumHalves<Real>(vectors[pair + 1]);
      const auto ab = hn::Add(hn::InterleaveLower(half, a, b), hn::InterleaveUpper(half, a, b));
      hn::StoreU(hn::Add(hn::LowerHalf(quarter, ab), hn::UpperHalf(quarter, ab)), quarter, to + pair);
    }
  }
}

// For all points: dots the corners with kVirtuals virtual vectors of the output's gradient, and adds that gradient,
// times the corner's weight, to the gradient of the value, which lies `gradient` elements behind the value. The dots
// are added to those of earlier blocks unless `first`.
template <int kVirtuals, typename Real>
HWY_INLINE void DotAndScatter(const PointArrays<Real> points, const Real* HWY_RESTRICT grad_output, int64_t row,
                              int64_t gradient, bool first, Real* HWY_RESTRICT bordered) {
  constexpr int kVectors = kVirtuals * kParts<Real>;
  const Tag<Real> d;
  Vec<Real> grad[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) grad[v] = hn::LoadU(d, grad_output + v * kLanes<Real>);
  for (int64_t i = 0; i < points.count; ++i) {
    Real* upper = bordered + points.corner[i];
    Real* lower = upper + points.below[i];
    Real* const corners[4] = {upper, upper + row, lower, lower + row};
    const Real weights[4] = {points.upper_left[i], points.upper_right[i], points.lower_left[i], points.lower_right[i]};
    Vec<Real> sums[4][kParts<Real>];
#pragma GCC unroll 4
    for (int corner = 0; corner < 4; ++corner) {
      const auto weight = hn::Set(d, weights[corner]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        Real* value = corners[corner] + v * kLanes<Real>;
        auto& sum = sums[corner][v % kParts<Real>];
        sum = v < kParts<Real> ? hn::Mul(grad[v], hn::Load(d, value)) : hn::MulAdd(grad[v], hn::Load(d, value), sum);
        hn::Store(hn::MulAdd(weight, grad[v], hn::Load(d, value + gradient)), d, value + gradient);
      }
    }
    Real* dots = points.dots + 4 * i;
    if (first) {
      SumLanes<Real>(sums, dots);
    } else {
      Real more[4];
      SumLanes<Real>(sums, more);
      for (int corner = 0; corner < 4; ++corner) dots[corner] += more[corner];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ops
HWY_AFTER_NAMESPACE();

#endif  // OPS_MS_DEFORM_ATTN_CPU_CHANNELS_INL_H_
