#include "grouppose/checkpoint/difference.h"

#include <ATen/ops/view_as_real.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grouppose/checkpoint/globals.h"

namespace grouppose::checkpoint {
namespace {

std::string Describe(const at::Tensor& tensor) {
  return absl::StrCat(DtypeName(tensor.scalar_type()), " [", absl::StrJoin(tensor.sizes(), ", "), "]");
}

double MaxDifference(const double* a, const double* b, int64_t count) {
  double largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::abs(a[i] - b[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, difference);
  }
  return largest;
}

double MaxDifference(at::Tensor a, at::Tensor b) {
  if (a.is_complex() != b.is_complex()) return std::numeric_limits<double>::quiet_NaN();
  if (a.is_complex()) {
    a = at::view_as_real(a);
    b = at::view_as_real(b);
  }
  a = a.to(at::kDouble).contiguous();
  b = b.to(at::kDouble).contiguous();
  return MaxDifference(a.const_data_ptr<double>(), b.const_data_ptr<double>(), a.numel());
}

}  // namespace

std::vector<TensorDifference> Differences(const std::map<std::string, at::Tensor>& first,
                                          const std::map<std::string, at::Tensor>& second) {
  using Kind = TensorDifference::Kind;
  std::vector<TensorDifference> differences;
  for (const auto& [name, a] : first) {
    const auto found = second.find(name);
    if (found == second.end()) {
      differences.push_back({name, Kind::kOnlyInFirst, Describe(a), ""});
      continue;
    }
    const at::Tensor& b = found->second;
    TensorDifference difference{name, Kind::kShape, Describe(a), Describe(b)};
    if (a.sizes() == b.sizes()) {
      difference.kind = a.scalar_type() == b.scalar_type() ? Kind::kValues : Kind::kType;
      difference.max_difference = MaxDifference(a, b);
      if (difference.kind == Kind::kValues && difference.max_difference == 0) continue;
    }
    differences.push_back(std::move(difference));
  }
  for (const auto& [name, b] : second) {
    if (first.count(name) == 0) differences.push_back({name, Kind::kOnlyInSecond, "", Describe(b)});
  }
  std::stable_sort(differences.begin(), differences.end(),
                   [](const TensorDifference& a, const TensorDifference& b) { return a.name < b.name; });
  return differences;
}

}  // namespace grouppose::checkpoint
