// The few vector operations that the CPU kernels need, on GCC's vector types: one AVX2 register of floats or doubles.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_VECTORS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_VECTORS_H_

#include <cstdint>
#include <cstring>

namespace ops {

// One AVX2 register.
inline constexpr int64_t kVectorBytes = 32;
template <typename T>
inline constexpr int64_t kLanes = kVectorBytes / static_cast<int64_t>(sizeof(T));

template <typename T>
struct VectorTypes {
  using Real __attribute__((vector_size(kVectorBytes))) = T;
  // as many 32-bit integers as there are reals
  using Integer __attribute__((vector_size(kLanes<T> * sizeof(int32_t)))) = int32_t;
};
template <typename T>
using Vector = typename VectorTypes<T>::Real;
template <typename T>
using IntegerVector = typename VectorTypes<T>::Integer;
// What a comparison of two vectors gives: all bits of a lane set, or none.
template <typename T>
using Mask = decltype(Vector<T>() < Vector<T>());

// Unaligned; to and from any vector type.
template <typename V, typename T>
inline V LoadAs(const T* from) {
  V vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}
template <typename T>
inline Vector<T> Load(const T* from) {
  return LoadAs<Vector<T>>(from);
}
template <typename V, typename T>
inline void Store(const V& vector, T* to) {
  std::memcpy(to, &vector, sizeof(vector));
}

template <typename T>
inline IntegerVector<T> ToIntegers(const Vector<T>& vector) {
  return __builtin_convertvector(vector, IntegerVector<T>);
}

// The largest integer that is not greater; for values that a 32-bit integer can hold.
template <typename T>
inline Vector<T> Floor(const Vector<T>& vector) {
  const Vector<T> towards_zero = __builtin_convertvector(ToIntegers<T>(vector), Vector<T>);
  return towards_zero > vector ? towards_zero - T(1) : towards_zero;
}

// Reads x0 y0 x1 y1 ... as x and y.
inline void Deinterleave(const float* from, Vector<float>* x, Vector<float>* y) {
  const Vector<float> a = Load(from), b = Load(from + 8);
  *x = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
  *y = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
inline void Deinterleave(const double* from, Vector<double>* x, Vector<double>* y) {
  const Vector<double> a = Load(from), b = Load(from + 4);
  *x = __builtin_shufflevector(a, b, 0, 2, 4, 6);
  *y = __builtin_shufflevector(a, b, 1, 3, 5, 7);
}

// Writes x and y as x0 y0 x1 y1 ...
inline void Interleave(const Vector<float>& x, const Vector<float>& y, float* to) {
  Store(__builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11), to);
  Store(__builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15), to + 8);
}
inline void Interleave(const Vector<double>& x, const Vector<double>& y, double* to) {
  Store(__builtin_shufflevector(x, y, 0, 4, 1, 5), to);
  Store(__builtin_shufflevector(x, y, 2, 6, 3, 7), to + 4);
}

// Reads rows of four, one row a lane, as four columns.
inline void Transpose(const float* from, Vector<float> columns[4]) {
  const Vector<float> a = Load(from), b = Load(from + 8), c = Load(from + 16), d = Load(from + 24);
  // rows 0, 1, 4, 5 and 2, 3, 6, 7: then every step stays within the halves of a register
  const Vector<float> r01 = __builtin_shufflevector(a, c, 0, 1, 2, 3, 8, 9, 10, 11);
  const Vector<float> r15 = __builtin_shufflevector(a, c, 4, 5, 6, 7, 12, 13, 14, 15);
  const Vector<float> r26 = __builtin_shufflevector(b, d, 0, 1, 2, 3, 8, 9, 10, 11);
  const Vector<float> r37 = __builtin_shufflevector(b, d, 4, 5, 6, 7, 12, 13, 14, 15);
  const Vector<float> low01 = __builtin_shufflevector(r01, r15, 0, 8, 1, 9, 4, 12, 5, 13);
  const Vector<float> high01 = __builtin_shufflevector(r01, r15, 2, 10, 3, 11, 6, 14, 7, 15);
  const Vector<float> low23 = __builtin_shufflevector(r26, r37, 0, 8, 1, 9, 4, 12, 5, 13);
  const Vector<float> high23 = __builtin_shufflevector(r26, r37, 2, 10, 3, 11, 6, 14, 7, 15);
  columns[0] = __builtin_shufflevector(low01, low23, 0, 1, 8, 9, 4, 5, 12, 13);
  columns[1] = __builtin_shufflevector(low01, low23, 2, 3, 10, 11, 6, 7, 14, 15);
  columns[2] = __builtin_shufflevector(high01, high23, 0, 1, 8, 9, 4, 5, 12, 13);
  columns[3] = __builtin_shufflevector(high01, high23, 2, 3, 10, 11, 6, 7, 14, 15);
}
inline void Transpose(const double* from, Vector<double> columns[4]) {
  const Vector<double> a = Load(from), b = Load(from + 4), c = Load(from + 8), d = Load(from + 12);
  const Vector<double> even01 = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  const Vector<double> odd01 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const Vector<double> even23 = __builtin_shufflevector(c, d, 0, 4, 2, 6);
  const Vector<double> odd23 = __builtin_shufflevector(c, d, 1, 5, 3, 7);
  columns[0] = __builtin_shufflevector(even01, even23, 0, 1, 4, 5);
  columns[1] = __builtin_shufflevector(odd01, odd23, 0, 1, 4, 5);
  columns[2] = __builtin_shufflevector(even01, even23, 2, 3, 6, 7);
  columns[3] = __builtin_shufflevector(odd01, odd23, 2, 3, 6, 7);
}

// Writes the sums over the lanes of four vectors to to[0..3].
inline void SumLanes(const Vector<float> vectors[4], float* to) {
  const Vector<float>&a = vectors[0], &b = vectors[1], &c = vectors[2], &d = vectors[3];
  const Vector<float> ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13) +
                           __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  const Vector<float> cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13) +
                           __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
  const Vector<float> halves = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                               __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
  Store(__builtin_shufflevector(halves, halves, 0, 1, 2, 3) + __builtin_shufflevector(halves, halves, 4, 5, 6, 7), to);
}
inline void SumLanes(const Vector<double> vectors[4], double* to) {
  const Vector<double>&a = vectors[0], &b = vectors[1], &c = vectors[2], &d = vectors[3];
  const Vector<double> ab = __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const Vector<double> cd = __builtin_shufflevector(c, d, 0, 4, 2, 6) + __builtin_shufflevector(c, d, 1, 5, 3, 7);
  Store(__builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7), to);
}

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_VECTORS_H_
