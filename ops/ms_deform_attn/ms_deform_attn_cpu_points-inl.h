// The points of one query of one head: where they lie and what they weigh, set up a vector of points at a time, and
// from the dots with the corners to the gradients. Compiled once a target: see ms_deform_attn_cpu_kernels.cc.
//
// A virtual vector is one cache line, 16 floats or 8 doubles: one register of AVX-512, two of AVX2. Sums over points
// and channels go over virtual vectors, whatever the registers are.
#if defined(OPS_MS_DEFORM_ATTN_CPU_POINTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OPS_MS_DEFORM_ATTN_CPU_POINTS_INL_H_
#undef OPS_MS_DEFORM_ATTN_CPU_POINTS_INL_H_
#else
#define OPS_MS_DEFORM_ATTN_CPU_POINTS_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu_border.h"

HWY_BEFORE_NAMESPACE();
namespace ops {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename Real>
constexpr int64_t kVirtualLanes = kLineBytes / static_cast<int64_t>(sizeof(Real));
// A register, at most a virtual vector.
template <typename Real>
using Tag = hn::CappedTag<Real, kVirtualLanes<Real>>;
template <typename Real>
using Vec = hn::Vec<Tag<Real>>;
template <typename Real>
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Tag<Real>()));
// Registers of a virtual vector.
template <typename Real>
constexpr int kParts = static_cast<int>(kVirtualLanes<Real> / kLanes<Real>);
// Half a virtual vector: a register on every target.
template <typename Real>
using HalfTag = hn::CappedTag<Real, kVirtualLanes<Real> / 2>;

// A virtual vector as the sum of its two halves.
template <typename Real>
HWY_INLINE hn::Vec<HalfTag<Real>> SumHalves(const Vec<Real> (&virtual_vector)[kParts<Real>]) {
  if constexpr (kParts<Real> == 1) {
    return hn::Add(hn::LowerHalf(HalfTag<Real>(), virtual_vector[0]),
                   hn::UpperHalf(HalfTag<Real>(), virtual_vector[0]));
  } else {
    static_assert(kParts<Real> == 2);
    return hn::Add(virtual_vector[0], virtual_vector[1]);
  }
}

// The sum over all lanes of a virtual vector, in every lane of a register.
template <typename Real>
HWY_INLINE Vec<Real> SumOfVirtual(const Vec<Real> (&virtual_vector)[kParts<Real>]) {
  const HalfTag<Real> half;
  return hn::Set(Tag<Real>(), hn::GetLane(hn::SumOfLanes(half, SumHalves<Real>(virtual_vector))));
}

// Cache-aligned, not initialised.
template <typename T>
class Array {
 public:
  explicit Array(int64_t count)
      : data_(static_cast<T*>(::operator new(static_cast<size_t>(count) * sizeof(T), kLine))) {}
  ~Array() { ::operator delete(data_, kLine); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  T* get() const { return data_; }

 private:
  static constexpr std::align_val_t kLine{kLineBytes};
  T* data_;
};

// Asks for the lines of an array that is read soon. It may lie beyond what can be read: nothing happens then.
template <typename T>
HWY_INLINE void PrefetchLines(const T* array, int64_t count) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(array), end = begin + static_cast<uintptr_t>(count) * sizeof(T);
  for (uintptr_t line = begin; line < end; line += kLineBytes) hwy::Prefetch(reinterpret_cast<const T*>(line));
}

// How many queries ahead: those of a head lie all heads apart, which no prefetcher of the machine follows.
constexpr int64_t kAhead = 8;

template <typename Real>
struct PointArrays {
  int64_t count;
  // where the upper left corner begins in the bordered head, and how many elements later the lower one does; 0 and 0
  // for a point that takes no part: the first two pixels of the border are zero
  int32_t *corner, *below;
  // attention weight times bilinear weight of the corners
  Real *upper_left, *upper_right, *lower_left, *lower_right;
  // [count, 4]: the gradient of the output dotted with each corner
  Real* dots;
};

template <typename Real>
class Points {
 public:
  // `row` is the elements of a bordered pixel.
  Points(const MsDeformAttnSizes& sizes, const Border& border, int64_t row, const MsDeformAttnCpuPoints<Real>& inputs);

  // Reads the points of a query of a head. With kBackward, keeps what Differentiate needs.
  template <bool kBackward>
  HWY_INLINE void SetUp(int64_t batch, int64_t query, int64_t head);
  // From `dots` to the gradients of what was set up; those of the reference points are of this head alone,
  // [levels, coordinates].
  HWY_INLINE void Differentiate(Real* grad_positions, Real* grad_weights, Real* grad_reference);

  // What the loops over channels take. By value: as members, the arrays would be looked up again after every store.
  PointArrays<Real> arrays() const { return arrays_; }

 private:
  using D = Tag<Real>;
  using V = Vec<Real>;
  static constexpr int64_t kLanes = HWY_NAMESPACE::kLanes<Real>;

  // SetUpReference writes up to three elements beyond an array.
  static constexpr int64_t ArrayRoom(int64_t padded) { return padded + kVirtualLanes<Real>; }
  bool IsFused() const { return inputs_.reference_points != nullptr; }
  HWY_INLINE void SetUpReference(int64_t batch, int64_t query);
  HWY_INLINE void Softmax(const Real* logits);
  template <bool kBackward>
  HWY_INLINE void Place(int64_t i, V x, V y, V weight);
  HWY_INLINE void StoreCorner(int64_t i, V left, V top, hn::Mask<D> takes_part);
  HWY_INLINE void DifferentiateSoftmax(Real* grad_weights) const;
  HWY_INLINE void SumReference(Real* grad_reference) const;

  const int64_t count_;
  const MsDeformAttnSizes sizes_;
  const MsDeformAttnCpuPoints<Real> inputs_;
  PointArrays<Real> arrays_;
  const Real* positions_ = nullptr;  // of the points that are set up
  int64_t reference_set_up_ = -1;    // the image and query that base and scale are of
  const int64_t padded_;             // whole virtual vectors
  const int32_t row_;
  Array<int32_t> integers_;
  Array<Real> reals_;
  // of the levels: elements of a bordered row, the element of pixel (0, 0)
  int32_t *stride_, *first_;
  Real *width_, *height_;
  // where the entry is fused, the location is base + offset * scale
  Real *base_x_, *base_y_, *scale_x_, *scale_y_;
  // position within the cell, attention weight, and 1 where the point takes part
  Real *dx_, *dy_, *weight_, *inside_;
  // where the entry is fused, how many pixels an offset of one is
  Real *unit_x_, *unit_y_;
  // inputs or results, where `count` fills no whole vectors
  Real *pairs_, *singles_;
};

template <typename Real>
Points<Real>::Points(const MsDeformAttnSizes& sizes, const Border& border, int64_t row,
                     const MsDeformAttnCpuPoints<Real>& inputs)
    : count_(sizes.levels * sizes.points),
      sizes_(sizes),
      inputs_(inputs),
      padded_((count_ + kVirtualLanes<Real> - 1) / kVirtualLanes<Real> * kVirtualLanes<Real>),
      row_(static_cast<int32_t>(row)),
      integers_(4 * padded_),
      reals_(17 * ArrayRoom(padded_) + 6 * padded_) {
  int32_t* integer = integers_.get();
  for (int32_t** array : {&arrays_.corner, &arrays_.below, &stride_, &first_})
    *array = std::exchange(integer, integer + padded_);
  Real* real = reals_.get();
  for (Real** array :
       {&arrays_.upper_left, &arrays_.upper_right, &arrays_.lower_left, &arrays_.lower_right, &width_, &height_,
        &base_x_, &base_y_, &scale_x_, &scale_y_, &dx_, &dy_, &weight_, &inside_, &unit_x_, &unit_y_, &singles_}) {
    *array = std::exchange(real, real + ArrayRoom(padded_));
  }
  arrays_.count = count_;
  arrays_.dots = std::exchange(real, real + 4 * padded_);
  pairs_ = real;
  // lanes beyond the last point are set up too: anything that is a number does
  std::fill_n(integers_.get(), 4 * padded_, 0);
  std::fill_n(reals_.get(), 17 * ArrayRoom(padded_) + 6 * padded_, Real(0));
  for (int64_t point = 0; point < count_; ++point) {
    const BorderedLevel& level = border.levels()[point / sizes.points];
    stride_[point] = static_cast<int32_t>(level.stride * row);
    first_[point] = static_cast<int32_t>((level.first + level.stride + 1) * row);
    width_[point] = static_cast<Real>(level.width);
    height_[point] = static_cast<Real>(level.height);
    scale_x_[point] = 1 / width_[point];
    scale_y_[point] = 1 / height_[point];
  }
  std::fill_n(unit_x_, padded_, Real(1));
  std::fill_n(unit_y_, padded_, Real(1));
}

template <typename Real>
template <bool kBackward>
void Points<Real>::SetUp(int64_t batch, int64_t query, int64_t head) {
  const D d;
  const int64_t index = (batch * sizes_.queries + query) * sizes_.heads + head;
  const Real* positions = positions_ = inputs_.positions + 2 * count_ * index;
  const Real* weights = inputs_.weights + count_ * index;
  PrefetchLines(positions + 2 * count_ * sizes_.heads * kAhead, 2 * count_);
  PrefetchLines(weights + count_ * sizes_.heads * kAhead, count_);
  if (count_ != padded_) {
    std::copy_n(positions, 2 * count_, pairs_);
    positions = pairs_;
    std::copy_n(weights, count_, singles_);
    if (IsFused()) {
      std::fill(singles_ + count_, singles_ + padded_, -std::numeric_limits<Real>::infinity());
    }
    weights = singles_;
  }
  if (IsFused()) {
    if (reference_set_up_ != batch * sizes_.queries + query) SetUpReference(batch, query);
    Softmax(weights);
    weights = weight_;
  }
  const V half = hn::Set(d, Real(0.5));
  for (int64_t i = 0; i < padded_; i += kLanes) {
    V x, y;
    hn::LoadInterleaved2(d, positions + 2 * i, x, y);
    if (IsFused()) {
      if (kBackward && inputs_.reference.coordinates == 4) {
        hn::Store(hn::Mul(hn::Load(d, scale_x_ + i), hn::Load(d, width_ + i)), d, unit_x_ + i);
        hn::Store(hn::Mul(hn::Load(d, scale_y_ + i), hn::Load(d, height_ + i)), d, unit_y_ + i);
      }
      // to locations, as the plain entry takes them
      x = hn::MulAdd(x, hn::Load(d, scale_x_ + i), hn::Load(d, base_x_ + i));
      y = hn::MulAdd(y, hn::Load(d, scale_y_ + i), hn::Load(d, base_y_ + i));
    }
    Place<kBackward>(i, hn::MulSub(x, hn::Load(d, width_ + i), half), hn::MulSub(y, hn::Load(d, height_ + i), half),
                     hn::LoadU(d, weights + i));
  }
  // The next query's already: what is written level by level cannot be read as vectors before it has left the
  // processor's queue of writes.
  if (IsFused() && query + 1 < sizes_.queries) SetUpReference(batch, query + 1);
}

// The base is the reference point; for boxes the scale is box / (2 * points), else it stays 1 / size.
template <typename Real>
void Points<Real>::SetUpReference(int64_t batch, int64_t query) {
  reference_set_up_ = batch * sizes_.queries + query;
  const MsDeformAttnReferenceSizes& layout = inputs_.reference;
  const int64_t row = layout.levels * layout.coordinates;
  const Real* reference = inputs_.reference_points + ((layout.batch == 1 ? 0 : batch) * sizes_.queries + query) * row;
  const int64_t step = layout.levels == 1 ? 0 : layout.coordinates;
  const Real share = Real(0.5) / static_cast<Real>(sizes_.points);
  const hn::CappedTag<Real, 4> four;
  // four points at a time: what is written too far the next level overwrites, or lies behind the array (ArrayRoom)
  const auto fill = [&](Real* array, int64_t begin, Real x) HWY_ATTR {
    const auto splat = hn::Set(four, x);
    for (int64_t i = 0; i < sizes_.points; i += 4) hn::StoreU(splat, four, array + begin + i);
  };
  for (int64_t begin = 0; begin < count_; begin += sizes_.points, reference += step) {
    fill(base_x_, begin, reference[0]);
    fill(base_y_, begin, reference[1]);
    if (layout.coordinates == 2) continue;
    fill(scale_x_, begin, reference[2] * share);
    fill(scale_y_, begin, reference[3] * share);
  }
}

// Writes weight_. A logit that is not a number makes all weights so, as torch's softmax does.
template <typename Real>
void Points<Real>::Softmax(const Real* logits) {
  const D d;
  V largest = hn::LoadU(d, logits);
  for (int64_t i = kLanes; i < padded_; i += kLanes) largest = hn::Max(largest, hn::LoadU(d, logits + i));
  largest = hn::MaxOfLanes(d, largest);
  V sums[kParts<Real>];
  for (V& sum : sums) sum = hn::Zero(d);
  for (int64_t i = 0; i < padded_; i += kVirtualLanes<Real>) {
    for (int part = 0; part < kParts<Real>; ++part) {
      const int64_t at = i + part * kLanes;
      const V difference = hn::Sub(hn::LoadU(d, logits + at), largest);
      const V power = hn::IfThenElse(hn::IsNaN(difference), difference, hn::Exp(d, difference));
      hn::Store(power, d, weight_ + at);
      sums[part] = hn::Add(sums[part], power);
    }
  }
  const V factor = hn::Div(hn::Set(d, Real(1)), SumOfVirtual<Real>(sums));
  for (int64_t i = 0; i < padded_; i += kLanes) hn::Store(hn::Mul(hn::Load(d, weight_ + i), factor), d, weight_ + i);
}

// Sets up the points [i, i + kLanes) at pixels (x, y).
template <typename Real>
template <bool kBackward>
void Points<Real>::Place(int64_t i, V x, V y, V weight) {
  const D d;
  const V minus_one = hn::Set(d, Real(-1));
  const auto takes_part = hn::And(hn::And(hn::Gt(x, minus_one), hn::Lt(x, hn::Load(d, width_ + i))),
                                  hn::And(hn::Gt(y, minus_one), hn::Lt(y, hn::Load(d, height_ + i))));
  // selects, so that nothing of a point outside, not even a NaN, goes on
  x = hn::IfThenElseZero(takes_part, x);
  y = hn::IfThenElseZero(takes_part, y);
  const V left = hn::Floor(x), top = hn::Floor(y);
  StoreCorner(i, left, top, takes_part);
  const V dx = hn::Sub(x, left), dy = hn::Sub(y, top);
  if constexpr (kBackward) {
    hn::Store(dx, d, dx_ + i);
    hn::Store(dy, d, dy_ + i);
    hn::Store(weight, d, weight_ + i);
    hn::Store(hn::IfThenElseZero(takes_part, hn::Set(d, Real(1))), d, inside_ + i);
  }
  weight = hn::IfThenElseZero(takes_part, weight);
  const V lower = hn::Mul(weight, dy), upper = hn::Sub(weight, lower);
  const V on_lower_right = hn::Mul(lower, dx), on_upper_right = hn::Mul(upper, dx);
  hn::Store(hn::Sub(upper, on_upper_right), d, arrays_.upper_left + i);
  hn::Store(on_upper_right, d, arrays_.upper_right + i);
  hn::Store(hn::Sub(lower, on_lower_right), d, arrays_.lower_left + i);
  hn::Store(on_lower_right, d, arrays_.lower_right + i);
}

template <typename Real>
void Points<Real>::StoreCorner(int64_t i, V left, V top, hn::Mask<D> takes_part) {
  const D d;
  const hn::Rebind<int32_t, D> integer;
  const auto stride = hn::Load(integer, stride_ + i), first = hn::Load(integer, first_ + i);
  const auto row = hn::Set(integer, row_);
  if constexpr (sizeof(Real) == sizeof(int32_t)) {
    const auto place = hn::Add(hn::Add(first, hn::Mul(hn::ConvertTo(integer, top), stride)),
                               hn::Mul(hn::ConvertTo(integer, left), row));
    const auto mask = hn::RebindMask(integer, takes_part);
    hn::Store(hn::IfThenElseZero(mask, place), integer, arrays_.corner + i);
    hn::Store(hn::IfThenElseZero(mask, stride), integer, arrays_.below + i);
  } else {
    const auto mask = hn::DemoteTo(integer, hn::IfThenElseZero(takes_part, hn::Set(d, Real(-1))));
    const auto selected = hn::Ne(mask, hn::Zero(integer));
    const auto place =
        hn::Add(hn::Add(first, hn::Mul(hn::DemoteTo(integer, top), stride)), hn::Mul(hn::DemoteTo(integer, left), row));
    hn::Store(hn::IfThenElseZero(selected, place), integer, arrays_.corner + i);
    hn::Store(hn::IfThenElseZero(selected, stride), integer, arrays_.below + i);
  }
}

template <typename Real>
void Points<Real>::Differentiate(Real* grad_positions, Real* grad_weights, Real* grad_reference) {
  const D d;
  // a position of the plain entry is in units of the level's size
  const Real* unit_x = IsFused() ? unit_x_ : width_;
  const Real* unit_y = IsFused() ? unit_y_ : height_;
  Real* pairs = count_ == padded_ ? grad_positions : pairs_;
  Real* singles = count_ == padded_ && !IsFused() ? grad_weights : singles_;
  for (int64_t i = 0; i < padded_; i += kLanes) {
    V upper_left_dot, upper_right_dot, lower_left_dot, lower_right_dot;
    hn::LoadInterleaved4(d, arrays_.dots + 4 * i, upper_left_dot, upper_right_dot, lower_left_dot, lower_right_dot);
    const V dx = hn::Load(d, dx_ + i), dy = hn::Load(d, dy_ + i), weight = hn::Load(d, weight_ + i);
    const V upper_by_x = hn::Sub(upper_right_dot, upper_left_dot),
            lower_by_x = hn::Sub(lower_right_dot, lower_left_dot);
    const V upper = hn::MulAdd(dx, upper_by_x, upper_left_dot), lower = hn::MulAdd(dx, lower_by_x, lower_left_dot);
    const V by_y = hn::Sub(lower, upper);
    const V by_weight = hn::MulAdd(dy, by_y, upper);
    // selects again: the zero pixels times an infinite gradient are not zero
    const auto inside = hn::Ne(hn::Load(d, inside_ + i), hn::Zero(d));
    const V by_pixel_x =
        hn::IfThenElseZero(inside, hn::Mul(weight, hn::MulAdd(dy, hn::Sub(lower_by_x, upper_by_x), upper_by_x)));
    const V by_pixel_y = hn::IfThenElseZero(inside, hn::Mul(weight, by_y));
    if (grad_reference != nullptr) {
      // no longer needed: the gradients by the pixel take the place of the positions
      hn::Store(by_pixel_x, d, dx_ + i);
      hn::Store(by_pixel_y, d, dy_ + i);
    }
    hn::StoreInterleaved2(hn::Mul(by_pixel_x, hn::Load(d, unit_x + i)), hn::Mul(by_pixel_y, hn::Load(d, unit_y + i)), d,
                          pairs + 2 * i);
    hn::StoreU(hn::IfThenElseZero(inside, by_weight), d, singles + i);
  }
  if (IsFused()) DifferentiateSoftmax(count_ == padded_ ? grad_weights : singles_);
  if (grad_reference != nullptr) SumReference(grad_reference);
  if (count_ != padded_) {
    std::copy_n(pairs_, 2 * count_, grad_positions);
    std::copy_n(singles_, count_, grad_weights);
  }
}

// From the gradients of the weights in singles_ to those of the logits.
template <typename Real>
void Points<Real>::DifferentiateSoftmax(Real* grad_logits) const {
  const D d;
  V sums[kParts<Real>];
  for (V& sum : sums) sum = hn::Zero(d);
  for (int64_t i = 0; i < padded_; i += kVirtualLanes<Real>) {
    for (int part = 0; part < kParts<Real>; ++part) {
      const int64_t at = i + part * kLanes;
      sums[part] = hn::MulAdd(hn::Load(d, weight_ + at), hn::Load(d, singles_ + at), sums[part]);
    }
  }
  const V mean = SumOfVirtual<Real>(sums);
  for (int64_t i = 0; i < padded_; i += kLanes) {
    hn::StoreU(hn::Mul(hn::Load(d, weight_ + i), hn::Sub(hn::Load(d, singles_ + i), mean)), d, grad_logits + i);
  }
}

// From the gradients by the pixel, which Differentiate left in dx_ and dy_.
template <typename Real>
void Points<Real>::SumReference(Real* grad_reference) const {
  const Real share = Real(0.5) / static_cast<Real>(sizes_.points);
  for (int64_t begin = 0; begin < count_; begin += sizes_.points) {
    const int64_t end = begin + sizes_.points;
    Real by_x = 0, by_y = 0;
    for (int64_t i = begin; i < end; ++i) {
      by_x += dx_[i];
      by_y += dy_[i];
    }
    const Real width = width_[begin], height = height_[begin];
    *grad_reference++ = by_x * width;
    *grad_reference++ = by_y * height;
    if (inputs_.reference.coordinates == 2) continue;
    Real by_width = 0, by_height = 0;
    for (int64_t i = begin; i < end; ++i) {
      by_width += dx_[i] * positions_[2 * i];
      by_height += dy_[i] * positions_[2 * i + 1];
    }
    *grad_reference++ = by_width * share * width;
    *grad_reference++ = by_height * share * height;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ops
HWY_AFTER_NAMESPACE();

#endif  // OPS_MS_DEFORM_ATTN_CPU_POINTS_INL_H_
