#include "grouppose/parity/difference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace grouppose::parity {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string ShapeText(const at::Tensor& tensor) { return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]"); }

// "[1, 0, 5]" of a row-major index.
std::string Place(int64_t index, at::IntArrayRef sizes) {
  std::string text;
  for (size_t i = sizes.size(); i-- > 0;) {
    text = absl::StrCat(index % sizes[i], text.empty() ? "" : ", ", text);
    index /= sizes[i];
  }
  return absl::StrCat("[", text, "]");
}

double LargestFinite(const double* values, int64_t size) {
  double largest = 0;
  for (int64_t i = 0; i < size; ++i) {
    if (std::isfinite(values[i])) largest = std::max(largest, std::abs(values[i]));
  }
  return largest;
}

}  // namespace

std::string Tolerance::Text() const {
  std::string text;
  const auto add = [&text](double value, const char* of) {
    if (value > 0) absl::StrAppend(&text, text.empty() ? "" : " + ", value, of);
  };
  add(absolute, "");
  add(relative, " relative");
  add(of_largest, " of the largest");
  return text.empty() ? "exact" : text;
}

std::string Difference::Text(const Tolerance& tolerance) const {
  if (!fault.empty()) return fault;
  return absl::StrCat("max |difference| ", absolute, ", tolerance ", tolerance.Text(), "; at ", place, " ", found,
                      ", expected ", wanted, "; ", beyond, " of ", elements, " elements beyond the tolerance");
}

Difference Compare(const at::Tensor& actual, const at::Tensor& expected, const Tolerance& tolerance) {
  Difference difference;
  if (!actual.defined() || !expected.defined()) {
    difference.fault = "a tensor is undefined";
    return difference;
  }
  if (actual.sizes() != expected.sizes()) {
    difference.fault = absl::StrCat("shape ", ShapeText(actual), ", expected ", ShapeText(expected));
    return difference;
  }
  const at::Tensor a = actual.detach().to(at::kDouble).contiguous(), e = expected.detach().to(at::kDouble).contiguous();
  const double *found = a.const_data_ptr<double>(), *wanted = e.const_data_ptr<double>();
  const double largest = LargestFinite(wanted, e.numel());
  difference.elements = a.numel();
  int64_t worst = -1;
  for (int64_t i = 0; i < a.numel(); ++i) {
    if (found[i] == wanted[i] || (std::isnan(found[i]) && std::isnan(wanted[i]))) continue;
    double apart = std::abs(found[i] - wanted[i]);
    if (std::isnan(apart)) apart = kInfinity;
    const double size = std::isfinite(wanted[i]) ? std::abs(wanted[i]) : 0;
    const double allowed = tolerance.absolute + tolerance.relative * size + tolerance.of_largest * largest;
    const double share = allowed > 0 ? apart / allowed : kInfinity;
    difference.absolute = std::max(difference.absolute, apart);
    difference.beyond += share > 1;
    if (worst < 0 || share > difference.share) {
      difference.share = share;
      worst = i;
    }
  }
  if (worst >= 0) {
    difference.place = Place(worst, actual.sizes());
    difference.found = found[worst];
    difference.wanted = wanted[worst];
    difference.relative = largest > 0 ? difference.absolute / largest : kInfinity;
  }
  return difference;
}

}  // namespace grouppose::parity
