// The kernels of group attention, compiled once for each instruction set (group_attention_cpu.cc includes this).
#if defined(OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_INL_H_
#undef OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_INL_H_
#else
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_CPU_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>

#include "ops/group_attention/group_attention_sizes.h"

HWY_BEFORE_NAMESPACE();
namespace ops {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// What the arithmetic is in where tokens are stored as T.
template <typename T>
using RealOf = std::conditional_t<std::is_same_v<T, double>, double, float>;
template <typename Real>
using Tag = hn::ScalableTag<Real>;
template <typename Real>
using Vector = hn::Vec<Tag<Real>>;
template <typename Real>
constexpr int64_t kLanes = hn::MaxLanes(Tag<Real>());

// The width that sums of lanes are defined over: that of the widest target. A narrower one takes several vectors.
constexpr int64_t kCommonBytes = 64;
template <typename Real>
constexpr int64_t kCommonLanes = kCommonBytes / static_cast<int64_t>(sizeof(Real));

// Queries whose scores are in the scratch at a time. 36 = 6 x 6 = 3 x 12 fills the product's blocks; the scores of 36
// queries over 100 keys take 16 kB, a third of L1.
constexpr int64_t kQueryBlock = 36;

inline int64_t RoundUp(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Zeros, aligned for vectors.
template <typename Real>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : data_(static_cast<Real*>(::operator new(count * sizeof(Real), std::align_val_t(kCommonBytes)))) {
    std::fill_n(data_, count, Real(0));
  }
  ~Scratch() { ::operator delete(data_, std::align_val_t(kCommonBytes)); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  Real* get() const { return data_; }

 private:
  Real* data_;
};

// ---- rows in memory

inline Vector<float> LoadReals(const float* from) { return hn::LoadU(Tag<float>(), from); }
inline Vector<double> LoadReals(const double* from) { return hn::LoadU(Tag<double>(), from); }
inline Vector<float> LoadReals(const BFloat16Bits* from) {
  const hn::Rebind<uint32_t, Tag<float>> wide;
  const hn::Rebind<uint16_t, Tag<float>> narrow;
  const auto bits = hn::PromoteTo(wide, hn::LoadU(narrow, &from->bits));
  return hn::BitCast(Tag<float>(), hn::ShiftLeft<16>(bits));
}
inline Vector<float> LoadReals(const HalfBits* from) {
  const hn::Rebind<hwy::float16_t, Tag<float>> narrow;
  return hn::PromoteTo(Tag<float>(), hn::LoadU(narrow, reinterpret_cast<const hwy::float16_t*>(from)));
}

inline void StoreReals(Vector<float> vector, float* to) { hn::StoreU(vector, Tag<float>(), to); }
inline void StoreReals(Vector<double> vector, double* to) { hn::StoreU(vector, Tag<double>(), to); }
// To the nearest, ties to even; what is not a number stays so.
inline void StoreReals(Vector<float> vector, BFloat16Bits* to) {
  const hn::Rebind<uint32_t, Tag<float>> wide;
  const hn::Rebind<uint16_t, Tag<float>> narrow;
  const auto bits = hn::BitCast(wide, vector);
  const auto is_odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(is_odd, hn::Set(wide, 0x7fff))));
  const auto is_number = hn::RebindMask(wide, hn::Eq(vector, vector));
  hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(hn::Rebind<int32_t, Tag<float>>(),
                                              hn::IfThenElse(is_number, rounded, hn::Set(wide, 0x7fc0)))),
             narrow, &to->bits);
}
inline void StoreReals(Vector<float> vector, HalfBits* to) {
  const hn::Rebind<hwy::float16_t, Tag<float>> narrow;
  hn::StoreU(hn::DemoteTo(narrow, vector), narrow, reinterpret_cast<hwy::float16_t*>(to));
}

// Copies `rows` rows of `channels` elements, times `factor`, into rows of `width` reals; the rest of a row is zero
// before and after.
template <typename T>
void ReadRows(const T* from, int64_t stride, int64_t rows, int64_t channels, RealOf<T> factor, RealOf<T>* to,
              int64_t width) {
  using Real = RealOf<T>;
  constexpr int64_t kN = kLanes<Real>;
  const Vector<Real> factors = hn::Set(Tag<Real>(), factor);
  const int64_t whole = channels / kN * kN;
  for (int64_t row = 0; row < rows; ++row, from += stride, to += width) {
    for (int64_t k = 0; k < whole; k += kN) {
      hn::Store(hn::Mul(LoadReals(from + k), factors), Tag<Real>(), to + k);
    }
    if (whole < channels) {
      T rest[kN] = {};
      std::memcpy(rest, from + whole, (channels - whole) * sizeof(T));
      hn::Store(hn::Mul(LoadReals(rest), factors), Tag<Real>(), to + whole);
    }
  }
}

// The way back; row r is multiplied by factors[r], or by `factor` where that is null.
template <typename T>
void WriteRows(const RealOf<T>* from, int64_t width, int64_t rows, int64_t channels, const RealOf<T>* factors,
               RealOf<T> factor, T* to, int64_t stride) {
  using Real = RealOf<T>;
  constexpr int64_t kN = kLanes<Real>;
  const int64_t whole = channels / kN * kN;
  for (int64_t row = 0; row < rows; ++row, from += width, to += stride) {
    const Vector<Real> by = hn::Set(Tag<Real>(), factors == nullptr ? factor : factors[row]);
    for (int64_t k = 0; k < whole; k += kN) StoreReals(hn::Mul(hn::Load(Tag<Real>(), from + k), by), to + k);
    if (whole < channels) {
      T rest[kN];
      StoreReals(hn::Mul(hn::Load(Tag<Real>(), from + whole), by), rest);
      std::memcpy(to + whole, rest, (channels - whole) * sizeof(T));
    }
  }
}

// Four rows and columns of 32 bits, or two of 64, from rows `width` apart to rows `to_width` apart.
inline void TransposeBlock(const float* from, int64_t width, float* to, int64_t to_width) {
  const hn::Full128<float> d;
  const auto r0 = hn::Load(d, from), r1 = hn::Load(d, from + width), r2 = hn::Load(d, from + 2 * width),
             r3 = hn::Load(d, from + 3 * width);
  const auto low02 = hn::InterleaveLower(d, r0, r2), high02 = hn::InterleaveUpper(d, r0, r2),
             low13 = hn::InterleaveLower(d, r1, r3), high13 = hn::InterleaveUpper(d, r1, r3);
  hn::Store(hn::InterleaveLower(d, low02, low13), d, to);
  hn::Store(hn::InterleaveUpper(d, low02, low13), d, to + to_width);
  hn::Store(hn::InterleaveLower(d, high02, high13), d, to + 2 * to_width);
  hn::Store(hn::InterleaveUpper(d, high02, high13), d, to + 3 * to_width);
}
inline void TransposeBlock(const double* from, int64_t width, double* to, int64_t to_width) {
  const hn::Full128<double> d;
  const auto r0 = hn::Load(d, from), r1 = hn::Load(d, from + width);
  hn::Store(hn::InterleaveLower(d, r0, r1), d, to);
  hn::Store(hn::InterleaveUpper(d, r0, r1), d, to + to_width);
}

// ---- the product

// Vectors side by side in one block of the product.
constexpr int64_t kPanelVectors = 2;
// Rows of a block: 12 sums in registers hide the 4 cycles of a multiply-add, two of which begin in a cycle, and leave
// room in the 16 registers of AVX2.
constexpr int kBlockSums = 12;

template <int kRows, int kVectors, typename Real>
HWY_INLINE void MultiplyBlock(const Real* HWY_RESTRICT a, int64_t a_row, int64_t a_step, const Real* HWY_RESTRICT b,
                              int64_t b_step, int64_t steps, bool add, Real* HWY_RESTRICT out, int64_t out_row) {
  const Tag<Real> d;
  constexpr int64_t kN = kLanes<Real>;
  Vector<Real> sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[r][v] = add ? hn::Load(d, out + r * out_row + v * kN) : hn::Zero(d);
  }
  for (int64_t t = 0; t < steps; ++t, a += a_step, b += b_step) {
    Vector<Real> columns[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) columns[v] = hn::Load(d, b + v * kN);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector<Real> factor = hn::Set(d, a[r * a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], d, out + r * out_row + v * kN);
  }
}

// As many blocks of kRows as fit, then what is left with fewer rows.
template <int kRows, int kVectors, typename Real>
HWY_INLINE void MultiplyRows(const Real* a, int64_t a_row, int64_t a_step, const Real* b, int64_t b_step, int64_t steps,
                             int64_t rows, bool add, Real* out, int64_t out_row) {
  while (rows >= kRows) {
    MultiplyBlock<kRows, kVectors>(a, a_row, a_step, b, b_step, steps, add, out, out_row);
    a += kRows * a_row;
    out += kRows * out_row;
    rows -= kRows;
  }
  if constexpr (kRows > 1) {
    if (rows > 0) MultiplyRows<kRows / 2, kVectors>(a, a_row, a_step, b, b_step, steps, rows, add, out, out_row);
  }
}

// One matrix of a product: element (row, step) at data[row * row_stride + step * step_stride].
template <typename Real>
struct Left {
  const Real* data;
  int64_t row_stride, step_stride;
};
// The other: panels of kPanelVectors vectors, the last of which may hold one; step t of panel p at
// data + p * panel_stride + t * step_stride.
template <typename Real>
struct Right {
  const Real* data;
  int64_t panel_stride, step_stride, vectors;
};

// out[r] = sum over t of a(r, t) b[t], added to what is there if `add`; sums are over t, one after the other.
template <typename Real>
HWY_NOINLINE void Multiply(const Left<Real>& a, const Right<Real>& b, int64_t steps, int64_t rows, bool add, Real* out,
                           int64_t out_row) {
  constexpr int64_t kPanel = kPanelVectors * kLanes<Real>;
  const Real* panel = b.data;
  int64_t vectors = b.vectors;
  for (; vectors >= kPanelVectors; vectors -= kPanelVectors, panel += b.panel_stride, out += kPanel) {
    MultiplyRows<kBlockSums / kPanelVectors, kPanelVectors>(a.data, a.row_stride, a.step_stride, panel, b.step_stride,
                                                            steps, rows, add, out, out_row);
  }
  if (vectors > 0) {
    MultiplyRows<kBlockSums, 1>(a.data, a.row_stride, a.step_stride, panel, b.step_stride, steps, rows, add, out,
                                out_row);
  }
}

// ---- the softmax

// The Taylor series of 2^x around 0 has errors below a third of a unit in the last place on [-1/2, 1/2] with so many
// terms; log(2)^k / k!, from k = 1 on.
template <typename Real>
constexpr int kTerms = std::is_same_v<Real, float> ? 7 : 13;
inline constexpr double kTaylor[] = {
    0.6931471805599453,     0.2402265069591007,    0.05550410866482158,    0.009618129107628477,
    0.0013333558146428443,  0.0001540353039338161, 1.525273380405984e-05,  1.3215486790144307e-06,
    1.0178086009239699e-07, 7.054911620801122e-09, 4.4455382718708116e-10, 2.5678435993488202e-11,
    1.3691488853904128e-12,
};

// 2^x for x <= 0, to the last place or two; below the smallest normal number it is zero.
template <typename Real>
HWY_INLINE Vector<Real> ExpTwo(Vector<Real> x) {
  using Bits = std::conditional_t<std::is_same_v<Real, float>, int32_t, int64_t>;
  const Tag<Real> d;
  const hn::Rebind<Bits, Tag<Real>> bits;
  constexpr int kMantissa = std::numeric_limits<Real>::digits - 1;
  // the integer nearest to x stands in the last bits of x + 1.5 * 2^mantissa
  const Vector<Real> shifter = hn::Set(d, static_cast<Real>(1.5 * static_cast<double>(Bits{1} << kMantissa)));
  const Vector<Real> shifted = hn::Add(x, shifter);
  const Vector<Real> rest = hn::Sub(x, hn::Sub(shifted, shifter));
  Vector<Real> power = hn::Set(d, static_cast<Real>(kTaylor[kTerms<Real> - 1]));
#pragma GCC unroll 16
  for (int k = kTerms<Real> - 2; k >= 0; --k) {
    power = hn::MulAdd(power, rest, hn::Set(d, static_cast<Real>(kTaylor[k])));
  }
  power = hn::MulAdd(power, rest, hn::Set(d, Real(1)));
  const Vector<Real> one = hn::Set(d, Real(1));
  const Vector<Real> scale =
      hn::BitCast(d, hn::Add(hn::ShiftLeft<kMantissa>(hn::BitCast(bits, shifted)), hn::BitCast(bits, one)));
  // what is not a number is not below anything, and stays
  const auto vanishes = hn::Lt(x, hn::Set(d, static_cast<Real>(std::numeric_limits<Real>::min_exponent - 1)));
  return hn::IfThenZeroElse(vanishes, hn::Mul(power, scale));
}

// The sum of all lanes: upper half to lower half, until one is left.
template <typename D, typename V>
HWY_INLINE hn::TFromD<D> SumOfHalves(D /*tag*/, V vector) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(vector);
  } else {
    const hn::Half<D> half;
    return SumOfHalves(half, hn::Add(hn::LowerHalf(half, vector), hn::UpperHalf(half, vector)));
  }
}

// A sum over the lanes of 64-byte vectors, for every target the same.
template <typename Real>
class LaneSum {
 public:
  HWY_INLINE LaneSum() { sums_[0] = sums_[1] = hn::Zero(Tag<Real>()); }
  // The i-th vector of a row.
  HWY_INLINE void Add(int64_t i, Vector<Real> vector) { sums_[i % kCount] = hn::Add(sums_[i % kCount], vector); }
  // One vector of this target, whose halves are still to be added.
  HWY_INLINE Vector<Real> Folded() const {
    static_assert(kCount == 1 || kCount == 2, "a target of another width");
    return kCount == 1 ? sums_[0] : hn::Add(sums_[0], sums_[kCount - 1]);
  }

 private:
  static constexpr int64_t kCount = kCommonLanes<Real> / kLanes<Real>;
  Vector<Real> sums_[2];
};

// Rows whose softmax is computed together: each step for all of them before the next one, so that no step waits for the
// long chain of another. They stay in a third of L1.
template <typename Real>
int64_t SoftmaxRows(int64_t row_width) {
  constexpr int64_t kBytes = 16 * 1024;
  return std::max<int64_t>(kBytes / (row_width * static_cast<int64_t>(sizeof(Real))), 1);
}

// The softmax of some rows of scores, `width` apart.
template <typename Real>
class Softmax {
 public:
  Softmax(int64_t length, int64_t width, int64_t most_rows)
      : length_(length), width_(width), last_((length - 1) / kN), numbers_(most_rows), folded_(most_rows * kN) {}

  // Replaces scores by 2^(score - largest of the row), and what follows up to the next whole vector by zeros; writes
  // the inverse of each row's sum.
  void Exponentiate(int64_t rows, Real* scores, Real* inverse_sums) const {
    const int64_t step = SoftmaxRows<Real>(width_);
    for (int64_t row = 0; row < rows; row += step) {
      ExponentiateTogether(std::min(step, rows - row), scores + row * width_, inverse_sums + row);
    }
  }

  // From exponentials and the derivatives by the weights to the weights and the derivatives by the scores:
  // weight (derivative - sum of weight * derivative).
  void Differentiate(int64_t rows, const Real* inverse_sums, Real* weights, Real* derivatives) const {
    const int64_t step = SoftmaxRows<Real>(2 * width_);
    for (int64_t row = 0; row < rows; row += step) {
      DifferentiateTogether(std::min(step, rows - row), inverse_sums + row, weights + row * width_,
                            derivatives + row * width_);
    }
  }

 private:
  static constexpr int64_t kN = kLanes<Real>;

  HWY_INLINE hn::Mask<Tag<Real>> IsKey() const { return hn::FirstN(Tag<Real>(), length_ - last_ * kN); }
  HWY_INLINE void Fold(int64_t row, const LaneSum<Real>& sum) const {
    hn::Store(sum.Folded(), Tag<Real>(), folded_.get() + row * kN);
  }
  HWY_INLINE Real Total(int64_t row) const {
    return SumOfHalves(Tag<Real>(), hn::Load(Tag<Real>(), folded_.get() + row * kN));
  }

  void ExponentiateTogether(int64_t rows, Real* scores, Real* inverse_sums) const {
    const Tag<Real> d;
    const auto is_key = IsKey();
    const Vector<Real> lowest = hn::Set(d, -std::numeric_limits<Real>::infinity());
    for (int64_t row = 0; row < rows; ++row) {
      Real* score = scores + row * width_;
      Vector<Real> largest = hn::IfThenElse(is_key, hn::Load(d, score + last_ * kN), lowest);
      hn::Store(largest, d, score + last_ * kN);
      for (int64_t i = 0; i < last_; ++i) largest = hn::Max(largest, hn::Load(d, score + i * kN));
      numbers_.get()[row] = hn::GetLane(hn::MaxOfLanes(d, largest));
    }
    for (int64_t row = 0; row < rows; ++row) {
      Real* score = scores + row * width_;
      const Vector<Real> largest = hn::Set(d, numbers_.get()[row]);
      LaneSum<Real> sum;
      for (int64_t i = 0; i <= last_; ++i) {
        Vector<Real> power = ExpTwo<Real>(hn::Sub(hn::Load(d, score + i * kN), largest));
        // largest may be no number, or infinite
        if (i == last_) power = hn::IfThenElseZero(is_key, power);
        hn::Store(power, d, score + i * kN);
        sum.Add(i, power);
      }
      Fold(row, sum);
    }
    for (int64_t row = 0; row < rows; ++row) inverse_sums[row] = 1 / Total(row);
  }

  void DifferentiateTogether(int64_t rows, const Real* inverse_sums, Real* weights, Real* derivatives) const {
    const Tag<Real> d;
    const auto is_key = IsKey();
    for (int64_t row = 0; row < rows; ++row) {
      Real *weight = weights + row * width_, *derivative = derivatives + row * width_;
      const Vector<Real> inverse = hn::Set(d, inverse_sums[row]);
      LaneSum<Real> products;
      for (int64_t i = 0; i <= last_; ++i) {
        const Vector<Real> normalised = hn::Mul(hn::Load(d, weight + i * kN), inverse);
        hn::Store(normalised, d, weight + i * kN);
        Vector<Real> product = hn::Mul(normalised, hn::Load(d, derivative + i * kN));
        if (i == last_) product = hn::IfThenElseZero(is_key, product);
        products.Add(i, product);
      }
      Fold(row, products);
    }
    for (int64_t row = 0; row < rows; ++row) numbers_.get()[row] = Total(row);
    for (int64_t row = 0; row < rows; ++row) {
      Real *weight = weights + row * width_, *derivative = derivatives + row * width_;
      const Vector<Real> mean = hn::Set(d, numbers_.get()[row]);
      for (int64_t i = 0; i <= last_; ++i) {
        hn::Store(hn::Mul(hn::Load(d, weight + i * kN), hn::Sub(hn::Load(d, derivative + i * kN), mean)), d,
                  derivative + i * kN);
      }
    }
  }

  const int64_t length_, width_, last_;
  const Scratch<Real> numbers_, folded_;
};

// ---- one task

constexpr double kLogTwo = 0.6931471805599453;

// The widths of the scratch, in reals.
template <typename Real>
struct Layout {
  explicit Layout(const GroupAttentionSizes& sizes)
      : length(sizes.length()),
        channels(sizes.channels),
        width(RoundUp(channels, kLanes<Real>)),
        vectors_of_keys((length + kLanes<Real> - 1) / kLanes<Real>),
        score_width(RoundUp(length, kPanel)),
        // blocks of a transpose are whole
        padded_length(RoundUp(length, kPanel)),
        query_block(std::min(length, kQueryBlock)) {}

  static constexpr int64_t kPanel = kPanelVectors * kLanes<Real>;

  // The channels of all rows, transposed: panels of kPanel rows, each [channels, kPanel].
  void Transpose(const Real* from, Real* to) const {
    constexpr int64_t kBlock = 16 / static_cast<int64_t>(sizeof(Real));
    for (int64_t row = 0; row < length; row += kBlock) {
      Real* panel = to + row / kPanel * kPanel * width + row % kPanel;
      for (int64_t channel = 0; channel < width; channel += kBlock) {
        TransposeBlock(from + row * width + channel, width, panel + channel * kPanel, kPanel);
      }
    }
  }

  Right<Real> Transposed(const Real* data) const { return {data, kPanel * width, kPanel, vectors_of_keys}; }
  Right<Real> Rows(const Real* data) const { return {data, kPanel, width, width / kLanes<Real>}; }

  int64_t length, channels, width, vectors_of_keys, score_width, padded_length, query_block;
};

// Factor of the queries: scores become exponents of two.
template <typename Real>
Real QueryFactor(const GroupAttentionSizes& sizes) {
  return static_cast<Real>(1 / (std::sqrt(static_cast<double>(sizes.channels)) * kLogTwo));
}

template <typename T>
void Forward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const T* qkv, int64_t begin,
             int64_t end, T* output) {
  using Real = RealOf<T>;
  const Layout<Real> layout(sizes);
  if (begin >= end || layout.length == 0) return;
  const GroupAttentionStrides dense = DenseGroupAttentionStrides(sizes, sizes.hidden());
  const int64_t length = layout.length, channels = layout.channels, width = layout.width;
  const Scratch<Real> queries(layout.query_block * width), keys(layout.padded_length * width),
      transposed_keys(layout.padded_length * width), values(layout.padded_length * width),
      scores(layout.query_block * layout.score_width), attended(layout.query_block * width),
      inverse_sums(layout.query_block);
  const Softmax<Real> softmax(length, layout.score_width, layout.query_block);
  for (int64_t index = begin; index < end; ++index) {
    const GroupAttentionTask task = GroupAttentionTaskAt(sizes, index);
    const GroupAttentionRows in = GroupAttentionRowsOf(sizes, strides, task),
                             out = GroupAttentionRowsOf(sizes, dense, task);
    const T* from = qkv + in.begin;
    ReadRows(from + sizes.hidden(), in.stride, length, channels, Real(1), keys.get(), width);
    ReadRows(from + 2 * sizes.hidden(), in.stride, length, channels, Real(1), values.get(), width);
    layout.Transpose(keys.get(), transposed_keys.get());
    for (int64_t query = 0; query < length; query += kQueryBlock) {
      const int64_t count = std::min(kQueryBlock, length - query);
      ReadRows(from + query * in.stride, in.stride, count, channels, QueryFactor<Real>(sizes), queries.get(), width);
      Multiply<Real>({queries.get(), width, 1}, layout.Transposed(transposed_keys.get()), channels, count,
                     /*add=*/false, scores.get(), layout.score_width);
      softmax.Exponentiate(count, scores.get(), inverse_sums.get());
      Multiply<Real>({scores.get(), layout.score_width, 1}, layout.Rows(values.get()), length, count, /*add=*/false,
                     attended.get(), width);
      WriteRows(attended.get(), width, count, channels, inverse_sums.get(), Real(1),
                output + out.begin + query * out.stride, out.stride);
    }
  }
}

template <typename T>
void Backward(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const T* qkv,
              const T* grad_output, int64_t begin, int64_t end, T* grad_qkv) {
  using Real = RealOf<T>;
  const Layout<Real> layout(sizes);
  if (begin >= end || layout.length == 0) return;
  const GroupAttentionStrides dense = DenseGroupAttentionStrides(sizes, sizes.hidden()),
                              dense_packed = DenseGroupAttentionStrides(sizes, 3 * sizes.hidden());
  const int64_t length = layout.length, channels = layout.channels, width = layout.width,
                score_width = layout.score_width, all = layout.padded_length * width, block = layout.query_block;
  const Scratch<Real> queries(block * width), keys(all), transposed_keys(all), values(all), transposed_values(all),
      grads(block * width), weights(block * score_width), derivatives(block * score_width), grad_queries(block * width),
      grad_keys(all), grad_values(all), inverse_sums(block);
  const Softmax<Real> softmax(length, score_width, block);
  for (int64_t index = begin; index < end; ++index) {
    const GroupAttentionTask task = GroupAttentionTaskAt(sizes, index);
    const GroupAttentionRows in = GroupAttentionRowsOf(sizes, strides, task),
                             grad_in = GroupAttentionRowsOf(sizes, dense, task),
                             out = GroupAttentionRowsOf(sizes, dense_packed, task);
    const T* from = qkv + in.begin;
    T* to = grad_qkv + out.begin;
    ReadRows(from + sizes.hidden(), in.stride, length, channels, Real(1), keys.get(), width);
    ReadRows(from + 2 * sizes.hidden(), in.stride, length, channels, Real(1), values.get(), width);
    layout.Transpose(keys.get(), transposed_keys.get());
    layout.Transpose(values.get(), transposed_values.get());
    for (int64_t query = 0; query < length; query += kQueryBlock) {
      const int64_t count = std::min(kQueryBlock, length - query);
      ReadRows(from + query * in.stride, in.stride, count, channels, QueryFactor<Real>(sizes), queries.get(), width);
      ReadRows(grad_output + grad_in.begin + query * grad_in.stride, grad_in.stride, count, channels, Real(1),
               grads.get(), width);
      // scores, and the derivatives by the weights
      Multiply<Real>({queries.get(), width, 1}, layout.Transposed(transposed_keys.get()), channels, count,
                     /*add=*/false, weights.get(), score_width);
      Multiply<Real>({grads.get(), width, 1}, layout.Transposed(transposed_values.get()), channels, count,
                     /*add=*/false, derivatives.get(), score_width);
      softmax.Exponentiate(count, weights.get(), inverse_sums.get());
      softmax.Differentiate(count, inverse_sums.get(), weights.get(), derivatives.get());
      Multiply<Real>({derivatives.get(), score_width, 1}, layout.Rows(keys.get()), length, count, /*add=*/false,
                     grad_queries.get(), width);
      WriteRows<T>(grad_queries.get(), width, count, channels, nullptr, QueryFactor<Real>(sizes) * Real(kLogTwo),
                   to + query * out.stride, out.stride);
      // the columns of both matrices are the rows of these products
      Multiply<Real>({derivatives.get(), 1, score_width}, layout.Rows(queries.get()), count, length,
                     /*add=*/query > 0, grad_keys.get(), width);
      Multiply<Real>({weights.get(), 1, score_width}, layout.Rows(grads.get()), count, length, /*add=*/query > 0,
                     grad_values.get(), width);
    }
    // the queries had their factor, and with it a logarithm too many
    WriteRows<T>(grad_keys.get(), width, length, channels, nullptr, Real(kLogTwo), to + sizes.hidden(), out.stride);
    WriteRows<T>(grad_values.get(), width, length, channels, nullptr, Real(1), to + 2 * sizes.hidden(), out.stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ops
HWY_AFTER_NAMESPACE();

#endif  // include guard of each target
