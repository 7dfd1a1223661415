// What the check of one fixture found.
#ifndef GROUPPOSE_PARITY_REPORT_H_
#define GROUPPOSE_PARITY_REPORT_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "grouppose/parity/difference.h"

namespace grouppose::parity {

struct Comparison {
  std::string what;  // "feat0"
  double absolute = 0, relative = 0;
  std::string tolerance;  // "" where the comparison is no matter of numbers
  double share = 0;       // of what it may differ by
  std::string fault;      // "" where it passed
};

class Report {
 public:
  void Compare(const std::string& what, const at::Tensor& actual, const at::Tensor& expected,
               const Tolerance& tolerance);
  void Compare(const std::string& what, double actual, double expected, const Tolerance& tolerance);
  // Lists of whole numbers and of names.
  void Equal(const std::string& what, const std::vector<int64_t>& actual, const std::vector<int64_t>& expected);
  void Equal(const std::string& what, const std::vector<std::string>& actual, const std::vector<std::string>& expected);
  // A condition; `fault` says what was found and what was expected where it does not hold.
  void Expect(const std::string& what, bool holds, const std::string& fault);
  void Fail(const std::string& what, const std::string& fault) { Expect(what, false, fault); }

  // Stands behind "passed": how the comparisons came about, where that is not the usual way.
  void Note(const std::string& note) { note_ = note; }

  // Whether both compared the same things and found the same differences.
  bool SameNumbers(const Report& other) const;

  const std::vector<Comparison>& comparisons() const { return comparisons_; }
  bool passed() const;

  // "abs 1.2e-06 rel 3.0e-07  tolerance 5e-05 (pred_logits)": the largest differences of all comparisons, and the
  // tolerance of the one that came nearest to its own.
  std::string Differences() const;
  // "passed" or "passed (NOTE)", or "FAILED: " and the first fault, and how many there are. One line.
  std::string Verdict() const;

 private:
  std::vector<Comparison> comparisons_;
  std::string note_;
};

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_REPORT_H_
