// Rectangular linear assignment: pairs rows with columns, each at most once, as many pairs as the shorter side has,
// so that the sum of their costs is smallest.
//
//   // 3 persons, 2 queries
//   ASSIGN_OR_RETURN(Assignment pairs, SolveAssignment({5, 1, 2, 4, 3, 9}, 3, 2));
//   // pairs.rows = {0, 1}, pairs.columns = {1, 0}: costs 1 + 2
//
// Shortest augmenting paths with dual variables, after Crouse 2016, "On implementing 2D rectangular assignment
// algorithms" (Jonker & Volgenant 1987 for the square case). O(s^2 l) for a short side s and a long side l.
#ifndef GROUPPOSE_LOSS_ASSIGNMENT_H_
#define GROUPPOSE_LOSS_ASSIGNMENT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace grouppose::loss {

// rows[i] is paired with columns[i]; rows ascend.
struct Assignment {
  std::vector<int64_t> rows, columns;
};

// `cost` is row-major [rows, columns]; either may be 0, and then no pair is made. +infinity forbids a pair.
// InvalidArgument where a cost is NaN or -infinity (with its place), where no assignment of finite cost exists, or
// where the size of `cost` is not rows * columns. Where several assignments are best, the result is the one that
// scipy.optimize.linear_sum_assignment gives: row after row (column after column where there are more rows) is added,
// and where a path can end in several free lines at the same cost, which of them it takes is the same.
absl::StatusOr<Assignment> SolveAssignment(absl::Span<const double> cost, int64_t rows, int64_t columns);

}  // namespace grouppose::loss

#endif  // GROUPPOSE_LOSS_ASSIGNMENT_H_
