#include "grouppose/parity/report.h"

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace grouppose::parity {
namespace {

// A long list is told by its first difference.
template <typename Value>
std::string ListFault(const std::vector<Value>& actual, const std::vector<Value>& expected) {
  if (actual.size() != expected.size()) {
    return absl::StrCat(actual.size(), " values, expected ", expected.size());
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] != expected[i]) return absl::StrCat("number ", i, " is ", actual[i], ", expected ", expected[i]);
  }
  return "";
}

}  // namespace

void Report::Compare(const std::string& what, const at::Tensor& actual, const at::Tensor& expected,
                     const Tolerance& tolerance) {
  const Difference difference = parity::Compare(actual, expected, tolerance);
  comparisons_.push_back({what, difference.absolute, difference.relative, tolerance.Text(), difference.share,
                          difference.within() ? "" : difference.Text(tolerance)});
}

void Report::Compare(const std::string& what, double actual, double expected, const Tolerance& tolerance) {
  const auto scalar = [](double value) { return at::scalar_tensor(value, at::kDouble); };
  const Difference difference = parity::Compare(scalar(actual), scalar(expected), tolerance);
  std::string fault;
  if (!difference.within()) fault = absl::StrCat(actual, ", expected ", expected, "; tolerance ", tolerance.Text());
  comparisons_.push_back(
      {what, difference.absolute, difference.relative, tolerance.Text(), difference.share, std::move(fault)});
}

void Report::Equal(const std::string& what, const std::vector<int64_t>& actual, const std::vector<int64_t>& expected) {
  const std::string fault = ListFault(actual, expected);
  Expect(what, fault.empty(), fault);
}

void Report::Equal(const std::string& what, const std::vector<std::string>& actual,
                   const std::vector<std::string>& expected) {
  const std::string fault = ListFault(actual, expected);
  Expect(what, fault.empty(), fault);
}

void Report::Expect(const std::string& what, bool holds, const std::string& fault) {
  Comparison comparison;
  comparison.what = what;
  if (!holds) comparison.fault = fault.empty() ? "does not hold" : fault;
  comparisons_.push_back(std::move(comparison));
}

bool Report::SameNumbers(const Report& other) const {
  return std::equal(comparisons_.begin(), comparisons_.end(), other.comparisons_.begin(), other.comparisons_.end(),
                    [](const Comparison& a, const Comparison& b) {
                      return a.what == b.what && a.absolute == b.absolute && a.relative == b.relative &&
                             a.fault == b.fault;
                    });
}

bool Report::passed() const {
  return !comparisons_.empty() &&
         std::all_of(comparisons_.begin(), comparisons_.end(), [](const Comparison& c) { return c.fault.empty(); });
}

std::string Report::Differences() const {
  double absolute = 0, relative = 0;
  const Comparison* nearest = nullptr;
  for (const Comparison& comparison : comparisons_) {
    if (comparison.tolerance.empty()) continue;
    absolute = std::max(absolute, comparison.absolute);
    relative = std::max(relative, comparison.relative);
    if (nearest == nullptr || comparison.share > nearest->share) nearest = &comparison;
  }
  if (nearest == nullptr) return "exact";
  return absl::StrFormat("abs %.1e rel %.1e  tolerance %s (%s)", absolute, relative, nearest->tolerance, nearest->what);
}

std::string Report::Verdict() const {
  if (passed()) return note_.empty() ? "passed" : absl::StrCat("passed (", note_, ")");
  std::vector<const Comparison*> faults;
  for (const Comparison& comparison : comparisons_) {
    if (!comparison.fault.empty()) faults.push_back(&comparison);
  }
  if (faults.empty()) return "FAILED: nothing was compared";
  std::string text = absl::StrCat("FAILED: ", faults[0]->what, ": ", faults[0]->fault);
  if (faults.size() > 1) absl::StrAppend(&text, "; and ", faults.size() - 1, " more");
  return absl::StrReplaceAll(text, {{"\n", " "}, {"\r", " "}});
}

}  // namespace grouppose::parity
