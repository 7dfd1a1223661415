// How far two tensors are apart, and how far they may be.
#ifndef GROUPPOSE_PARITY_DIFFERENCE_H_
#define GROUPPOSE_PARITY_DIFFERENCE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace grouppose::parity {

// An element may differ by absolute + relative * |expected| + of_largest * (largest |expected| of the tensor).
struct Tolerance {
  double absolute = 0;
  double relative = 0;
  double of_largest = 0;

  static Tolerance Absolute(double value) { return {value, 0, 0}; }
  static Tolerance Relative(double value) { return {0, value, 0}; }
  static Tolerance OfLargest(double value) { return {0, 0, value}; }
  static Tolerance Exact() { return {}; }

  std::string Text() const;  // "5e-05", "2e-05 relative", "1e-05 of the largest", "exact"
};

struct Difference {
  std::string fault;    // "" where shapes are equal and both tensors are defined
  double absolute = 0;  // largest |actual - expected|
  double relative = 0;  // that over the largest finite |expected|; 0 where both are equal
  double share = 0;     // largest share of what an element may differ by; above 1 is too much
  int64_t elements = 0, beyond = 0;
  std::string place;  // of the element with the largest share: "[1, 0, 5]"
  double found = 0, wanted = 0;

  bool within() const { return fault.empty() && share <= 1; }
  std::string Text(const Tolerance& tolerance) const;  // why it is too much
};

// Equal infinities are equal, and so are two NaN; one alone differs by infinity. Any number types.
Difference Compare(const at::Tensor& actual, const at::Tensor& expected, const Tolerance& tolerance);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_DIFFERENCE_H_
