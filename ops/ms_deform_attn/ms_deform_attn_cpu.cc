// How it works. The value of one head is copied into a bordered form: channels side by side, rounded up to whole
// vectors, with a border of zero pixels around every level. Then no corner needs a test: a point that takes part has
// its four corners inside the bordered level, and a point that does not is sent to two zero pixels. Rows are w + 1
// pixels wide: the zero pixel on the left of a row is the one on the right of the row above.
//
// For each query of a head the points are set up once, a vector of points at a time; then the channels of the corners
// are summed with the corner weights (forward), or dotted with the gradient and added to the bordered gradient of the
// head (backward). README.md has the measurements.
#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_vectors.h"

namespace ops {
namespace {

// Memory at a cache line's start, zero at first.
template <typename T>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : count_(count), data_(static_cast<T*>(::operator new(static_cast<size_t>(count) * sizeof(T), kLine))) {
    Clear();
  }
  ~Scratch() { ::operator delete(data_, kLine); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void Clear() { std::fill_n(data_, count_, T(0)); }
  T* get() const { return data_; }

 private:
  static constexpr std::align_val_t kLine{64};
  int64_t count_;
  T* data_;
};

// The bordered form of one head. Pixel (y, x) of a level, -1 <= y <= height and -1 <= x <= width, is row-major at
// first + (y + 1) * stride + x + 1.
struct BorderedLevel {
  int64_t height, width, stride, first;
};

class Border {
 public:
  explicit Border(const MsDeformAttnSizes& sizes) {
    for (int64_t level = 0; level < sizes.levels; ++level) {
      const int64_t height = sizes.spatial_shapes[2 * level], width = sizes.spatial_shapes[2 * level + 1];
      levels_.push_back({height, width, width + 1, pixels_});
      pixels_ += (height + 2) * (width + 1);
    }
    // the pixel on the right of the last row
    ++pixels_;
  }
  const std::vector<BorderedLevel>& levels() const { return levels_; }
  int64_t pixels() const { return pixels_; }

 private:
  std::vector<BorderedLevel> levels_;
  int64_t pixels_ = 0;
};

// What the points of a query need to know of their levels, point by point, and the work space of one query. Arrays are
// as long as the whole vectors that hold `count` points.
template <typename T>
class Points {
 public:
  Points(const MsDeformAttnSizes& sizes, const Border& border);

  // Reads the locations [count, 2] and the weights [count] of one query of one head.
  void SetUp(const MsDeformAttnInputs<T>& inputs, int64_t query_and_head);
  // From `dots` to the gradients of the locations and the weights that were set up.
  void Differentiate(T* grad_locations, T* grad_weights) const;

  const int64_t count;
  // where the upper left corner lies in the bordered head, and how many pixels later the lower one does; 0 and 0 for a
  // point that takes no part: the first two pixels of the border are zero
  int32_t *pixel, *below;
  // attention weight times bilinear weight of the corners
  T *upper_left, *upper_right, *lower_left, *lower_right;
  // [count, 4]: the gradient of the output dotted with each corner
  T* dots;

 private:
  const int64_t padded_;
  Scratch<int32_t> integers_;
  Scratch<T> reals_;
  // of the levels
  int32_t *stride_, *first_;
  T *width_, *height_;
  // position within the cell, and the attention weight
  T *dx_, *dy_, *weight_;
  // inputs or results, where `count` fills no whole vectors
  T *pairs_, *singles_;
};

template <typename T>
Points<T>::Points(const MsDeformAttnSizes& sizes, const Border& border)
    : count(sizes.levels * sizes.points),
      padded_((count + kLanes<T> - 1) / kLanes<T> * kLanes<T>),
      integers_(4 * padded_),
      reals_(16 * padded_) {
  int32_t* integer = integers_.get();
  for (int32_t** array : {&pixel, &below, &stride_, &first_}) *array = std::exchange(integer, integer + padded_);
  T* real = reals_.get();
  for (T** array :
       {&upper_left, &upper_right, &lower_left, &lower_right, &width_, &height_, &dx_, &dy_, &weight_, &singles_}) {
    *array = std::exchange(real, real + padded_);
  }
  dots = std::exchange(real, real + 4 * padded_);
  pairs_ = real;
  for (int64_t point = 0; point < count; ++point) {
    const BorderedLevel& level = border.levels()[point / sizes.points];
    stride_[point] = static_cast<int32_t>(level.stride);
    first_[point] = static_cast<int32_t>(level.first);
    width_[point] = static_cast<T>(level.width);
    height_[point] = static_cast<T>(level.height);
  }
}

template <typename T>
void Points<T>::SetUp(const MsDeformAttnInputs<T>& inputs, int64_t query_and_head) {
  using Integers = IntegerVector<T>;
  const T* locations = inputs.sampling_locations + 2 * count * query_and_head;
  const T* weights = inputs.attention_weights + count * query_and_head;
  if (count != padded_) {
    std::copy_n(locations, 2 * count, pairs_);
    std::copy_n(weights, count, singles_);
    locations = pairs_;
    weights = singles_;
  }
  for (int64_t i = 0; i < padded_; i += kLanes<T>) {
    const Vector<T> width = Load(width_ + i), height = Load(height_ + i);
    Vector<T> x, y, weight = Load(weights + i);
    Deinterleave(locations + 2 * i, &x, &y);
    x = x * width - T(0.5);
    y = y * height - T(0.5);
    // selects, so that nothing of a point outside, not even a NaN, goes on
    const auto takes_part = (x > T(-1)) & (x < width) & (y > T(-1)) & (y < height);
    const Vector<T> zero = {};
    x = takes_part ? x : zero;
    y = takes_part ? y : zero;
    weight = takes_part ? weight : zero;
    const Vector<T> left = Floor<T>(x), top = Floor<T>(y);
    const Integers stride = LoadAs<Integers>(stride_ + i), mask = __builtin_convertvector(takes_part, Integers);
    const Integers place = LoadAs<Integers>(first_ + i) + (ToIntegers<T>(top) + 1) * stride + ToIntegers<T>(left) + 1;
    Store(place & mask, pixel + i);
    Store(stride & mask, below + i);
    const Vector<T> dx = x - left, dy = y - top;
    const Vector<T> lower = weight * dy, upper = weight - lower;
    const Vector<T> lower_right_weight = lower * dx, upper_right_weight = upper * dx;
    Store(dx, dx_ + i);
    Store(dy, dy_ + i);
    Store(weight, weight_ + i);
    Store(upper - upper_right_weight, upper_left + i);
    Store(upper_right_weight, upper_right + i);
    Store(lower - lower_right_weight, lower_left + i);
    Store(lower_right_weight, lower_right + i);
  }
}

template <typename T>
void Points<T>::Differentiate(T* grad_locations, T* grad_weights) const {
  T* pairs = count == padded_ ? grad_locations : pairs_;
  T* singles = count == padded_ ? grad_weights : singles_;
  for (int64_t i = 0; i < padded_; i += kLanes<T>) {
    Vector<T> corners[4];
    Transpose(dots + 4 * i, corners);
    const Vector<T> dx = Load(dx_ + i), dy = Load(dy_ + i), weight = Load(weight_ + i);
    const Vector<T> upper_by_x = corners[1] - corners[0], lower_by_x = corners[3] - corners[2];
    const Vector<T> upper = corners[0] + dx * upper_by_x, lower = corners[2] + dx * lower_by_x;
    // a location is in units of the level's size
    const Vector<T> by_x = weight * Load(width_ + i) * (upper_by_x + dy * (lower_by_x - upper_by_x));
    const Vector<T> by_y = weight * Load(height_ + i) * (lower - upper);
    const Vector<T> by_weight = upper + dy * (lower - upper);
    // selects again: the zero pixels times an infinite gradient are not zero
    const auto takes_part = __builtin_convertvector(LoadAs<IntegerVector<T>>(below + i) != 0, Mask<T>);
    const Vector<T> zero = {};
    Interleave(takes_part ? by_x : zero, takes_part ? by_y : zero, pairs + 2 * i);
    Store(takes_part ? by_weight : zero, singles + i);
  }
  if (count != padded_) {
    std::copy_n(pairs_, 2 * count, grad_locations);
    std::copy_n(singles_, count, grad_weights);
  }
}

// The sizes with what follows from them.
template <typename T>
struct Geometry {
  explicit Geometry(const MsDeformAttnSizes& sizes)
      : sizes(sizes), border(sizes), vectors((sizes.channels + kLanes<T> - 1) / kLanes<T>), row(vectors * kLanes<T>) {}

  // Elements of one bordered head.
  int64_t Elements() const { return border.pixels() * row; }

  // Calls visit(dense, bordered) with the index of every pixel in one image of `value` and in the bordered head.
  template <typename Visit>
  void ForEachPixel(Visit visit) const {
    int64_t dense = 0;
    for (const BorderedLevel& level : border.levels()) {
      for (int64_t y = 0; y < level.height; ++y) {
        const int64_t bordered = level.first + (y + 1) * level.stride + 1;
        for (int64_t x = 0; x < level.width; ++x) visit(dense++, bordered + x);
      }
    }
  }

  // Copies one head of one image into its bordered form; the border and the channels that fill up a vector stay as they
  // are.
  void Pack(const T* value, int64_t batch, int64_t head, T* bordered) const {
    const T* from = value + (batch * sizes.size * sizes.heads + head) * sizes.channels;
    const int64_t step = sizes.heads * sizes.channels;
    ForEachPixel([&](int64_t i, int64_t j) { std::copy_n(from + i * step, sizes.channels, bordered + j * row); });
  }
  void Unpack(const T* bordered, int64_t batch, int64_t head, T* value) const {
    T* to = value + (batch * sizes.size * sizes.heads + head) * sizes.channels;
    const int64_t step = sizes.heads * sizes.channels;
    ForEachPixel([&](int64_t i, int64_t j) { std::copy_n(bordered + j * row, sizes.channels, to + i * step); });
  }

  const MsDeformAttnSizes& sizes;
  const Border border;
  const int64_t vectors;  // of one pixel's channels
  const int64_t row;      // elements of one bordered pixel
};

// Cuts the vectors of a pixel into blocks of at most kMax and calls visit(integral_constant of the block's vectors,
// first element). The block's size is a constant, so that its sums stay in registers.
template <int kMax, typename T, typename Visit>
inline void ForEachBlock(int64_t vectors, Visit visit) {
  int64_t at = 0;
  for (; vectors - at >= kMax; at += kMax) visit(std::integral_constant<int, kMax>(), at * kLanes<T>);
  if constexpr (kMax > 4) {
    for (; vectors - at >= 4; at += 4) visit(std::integral_constant<int, 4>(), at * kLanes<T>);
  }
  if (vectors - at >= 2) {
    visit(std::integral_constant<int, 2>(), at * kLanes<T>);
    at += 2;
  }
  if (vectors - at >= 1) visit(std::integral_constant<int, 1>(), at * kLanes<T>);
}

// Sums kVectors vectors of channels over all points and corners.
template <int kVectors, typename T>
inline void Sample(const Points<T>& points, const T* __restrict bordered, int64_t row, T* __restrict out) {
  // Eight sums hide the latency of a multiply-add (4 cycles, 2 a cycle): with few vectors each corner has its own.
  constexpr int kSums = kVectors >= 8 ? 1 : kVectors >= 4 ? 2 : 4;
  Vector<T> sums[kSums][kVectors] = {};
  for (int64_t i = 0; i < points.count; ++i) {
    const T* upper = bordered + points.pixel[i] * row;
    const T* lower = upper + points.below[i] * row;
    const T ul = points.upper_left[i], ur = points.upper_right[i], ll = points.lower_left[i],
            lr = points.lower_right[i];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const int64_t k = v * kLanes<T>;
      sums[0][v] += ul * Load(upper + k);
      sums[1 % kSums][v] += ur * Load(upper + row + k);
      sums[2 % kSums][v] += ll * Load(lower + k);
      sums[3 % kSums][v] += lr * Load(lower + row + k);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    Vector<T> sum = sums[0][v];
#pragma GCC unroll 4
    for (int s = 1; s < kSums; ++s) sum += sums[s][v];
    Store(sum, out + v * kLanes<T>);
  }
}

// For all points: dots the corners with kVectors vectors of the output's gradient, and adds that gradient, times the
// corner's weight, to the bordered gradient. The dots are added to those of earlier blocks unless `first`.
template <int kVectors, typename T>
inline void DotAndScatter(const Points<T>& points, const T* __restrict bordered, const T* __restrict grad_output,
                          int64_t row, bool first, T* __restrict grad_bordered) {
  Vector<T> grad[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) grad[v] = Load(grad_output + v * kLanes<T>);
  for (int64_t i = 0; i < points.count; ++i) {
    const int64_t upper = points.pixel[i] * row, lower = upper + points.below[i] * row;
    const int64_t corners[4] = {upper, upper + row, lower, lower + row};
    const T weights[4] = {points.upper_left[i], points.upper_right[i], points.lower_left[i], points.lower_right[i]};
    Vector<T> sums[4];
#pragma GCC unroll 4
    for (int corner = 0; corner < 4; ++corner) {
      const T* value = bordered + corners[corner];
      T* to = grad_bordered + corners[corner];
      sums[corner] = grad[0] * Load(value);
      Store(Load(to) + weights[corner] * grad[0], to);
#pragma GCC unroll 4
      for (int v = 1; v < kVectors; ++v) {
        sums[corner] += grad[v] * Load(value + v * kLanes<T>);
        Store(Load(to + v * kLanes<T>) + weights[corner] * grad[v], to + v * kLanes<T>);
      }
    }
    T dots[4];
    SumLanes(sums, dots);
    for (int corner = 0; corner < 4; ++corner) {
      points.dots[4 * i + corner] = first ? dots[corner] : points.dots[4 * i + corner] + dots[corner];
    }
  }
}

}  // namespace

bool MsDeformAttnFits(const MsDeformAttnSizes& sizes) {
  return Border(sizes).pixels() <= std::numeric_limits<int32_t>::max();
}

template <typename T>
void MsDeformAttnForwardCpu(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T>& inputs, int64_t begin,
                            int64_t end, T* output) {
  if (begin >= end) return;
  const Geometry<T> geometry(sizes);
  Points<T> points(sizes, geometry.border);
  const Scratch<T> bordered(geometry.Elements()), padded_output(geometry.row);
  const bool is_whole = sizes.channels == geometry.row;
  int64_t packed = -1;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t batch_and_head = item / sizes.queries, query = item % sizes.queries;
    const int64_t batch = batch_and_head / sizes.heads, head = batch_and_head % sizes.heads;
    if (batch_and_head != packed) {
      geometry.Pack(inputs.value, batch, head, bordered.get());
      packed = batch_and_head;
    }
    const int64_t index = (batch * sizes.queries + query) * sizes.heads + head;
    points.SetUp(inputs, index);
    T* out = output + index * sizes.channels;
    T* to = is_whole ? out : padded_output.get();
    ForEachBlock<8, T>(geometry.vectors, [&](auto vectors, int64_t k) {
      Sample<vectors()>(points, bordered.get() + k, geometry.row, to + k);
    });
    if (!is_whole) std::copy_n(to, sizes.channels, out);
  }
}

template <typename T>
void MsDeformAttnBackwardCpu(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T>& inputs, const T* grad_output,
                             int64_t begin, int64_t end, const MsDeformAttnGradients<T>& gradients) {
  if (begin >= end) return;
  const Geometry<T> geometry(sizes);
  Points<T> points(sizes, geometry.border);
  Scratch<T> bordered(geometry.Elements()), grad_bordered(geometry.Elements()), padded_grad(geometry.row);
  const bool is_whole = sizes.channels == geometry.row;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t batch = item / sizes.heads, head = item % sizes.heads;
    geometry.Pack(inputs.value, batch, head, bordered.get());
    grad_bordered.Clear();
    for (int64_t query = 0; query < sizes.queries; ++query) {
      const int64_t index = (batch * sizes.queries + query) * sizes.heads + head;
      points.SetUp(inputs, index);
      const T* grad = grad_output + index * sizes.channels;
      if (!is_whole) {
        std::copy_n(grad, sizes.channels, padded_grad.get());
        grad = padded_grad.get();
      }
      ForEachBlock<4, T>(geometry.vectors, [&](auto vectors, int64_t k) {
        DotAndScatter<vectors()>(points, bordered.get() + k, grad + k, geometry.row, k == 0, grad_bordered.get() + k);
      });
      points.Differentiate(gradients.sampling_locations + index * points.count * 2,
                           gradients.attention_weights + index * points.count);
    }
    geometry.Unpack(grad_bordered.get(), batch, head, gradients.value);
  }
}

template void MsDeformAttnForwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<float>&, int64_t, int64_t,
                                     float*);
template void MsDeformAttnForwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<double>&, int64_t, int64_t,
                                     double*);
template void MsDeformAttnBackwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<float>&, const float*, int64_t,
                                      int64_t, const MsDeformAttnGradients<float>&);
template void MsDeformAttnBackwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<double>&, const double*,
                                      int64_t, int64_t, const MsDeformAttnGradients<double>&);

}  // namespace ops
