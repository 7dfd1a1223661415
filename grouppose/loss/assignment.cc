#include "grouppose/loss/assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace grouppose::loss {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kFree = -1;

absl::Status CheckCosts(absl::Span<const double> cost, int64_t rows, int64_t columns) {
  if (rows < 0 || columns < 0 || cost.size() != static_cast<size_t>(rows) * static_cast<size_t>(columns)) {
    return absl::InvalidArgumentError(
        absl::StrCat("assignment: ", cost.size(), " costs given for ", rows, " rows and ", columns, " columns"));
  }
  for (size_t i = 0; i < cost.size(); ++i) {
    if (std::isnan(cost[i]) || cost[i] == -kInfinity) {
      return absl::InvalidArgumentError(absl::StrCat("assignment: the cost of row ", i / columns, " and column ",
                                                     i % columns, " is ", cost[i], ", expected a number or +infinity"));
    }
  }
  return absl::OkStatus();
}

// Grows a matching of rows to columns by one row at a time; rows <= columns.
class AugmentingPaths {
 public:
  AugmentingPaths(absl::Span<const double> cost, int64_t rows, int64_t columns)
      : cost_(cost),
        columns_(columns),
        row_price_(rows, 0),
        column_price_(columns, 0),
        column_of_row_(rows, kFree),
        row_of_column_(columns, kFree),
        distance_(columns),
        previous_row_(columns),
        unreached_(columns) {}

  // Gives `start` a column, moving earlier rows where that is cheaper. False where only forbidden pairs are left.
  bool Augment(int64_t start) {
    const int64_t sink = ShortestPath(start);
    if (sink == kFree) return false;
    UpdatePrices(start, distance_[sink]);
    // walk back from the free column and shift every pair on the path
    for (int64_t column = sink;;) {
      const int64_t row = previous_row_[column];
      row_of_column_[column] = row;
      std::swap(column, column_of_row_[row]);
      if (row == start) return true;
    }
  }

  const std::vector<int64_t>& column_of_row() const { return column_of_row_; }

 private:
  // Dijkstra over reduced costs, from the row `start` to the nearest free column (kFree: none can be reached).
  int64_t ShortestPath(int64_t start) {
    std::fill(distance_.begin(), distance_.end(), kInfinity);
    // from the last column to the first, as scipy begins: of free columns that cost the same the search ends at the one
    // it meets last, so equal costs everywhere give the identity
    std::iota(unreached_.rbegin(), unreached_.rend(), 0);
    reached_.clear();
    int64_t open = columns_, row = start;
    double length = 0;
    while (open > 0) {
      // relax the columns that `row` leads to, and take the nearest of all; of equals a free one ends the search
      const double* row_cost = cost_.data() + row * columns_;
      int64_t best = 0;
      double shortest = kInfinity;
      for (int64_t i = 0; i < open; ++i) {
        const int64_t column = unreached_[i];
        const double through_row = length + row_cost[column] - row_price_[row] - column_price_[column];
        if (through_row < distance_[column]) {
          distance_[column] = through_row;
          previous_row_[column] = row;
        }
        if (distance_[column] < shortest || (distance_[column] == shortest && row_of_column_[column] == kFree)) {
          shortest = distance_[column];
          best = i;
        }
      }
      if (shortest == kInfinity) return kFree;
      length = shortest;
      const int64_t column = unreached_[best];
      unreached_[best] = unreached_[--open];
      if (row_of_column_[column] == kFree) return column;
      reached_.push_back(column);
      row = row_of_column_[column];
    }
    return kFree;
  }

  // Keeps reduced costs non-negative, and zero on every pair, after a path of this length was found.
  void UpdatePrices(int64_t start, double length) {
    row_price_[start] += length;
    for (int64_t column : reached_) {
      const double slack = length - distance_[column];
      row_price_[row_of_column_[column]] += slack;
      column_price_[column] -= slack;
    }
  }

  absl::Span<const double> cost_;
  int64_t columns_;
  std::vector<double> row_price_, column_price_;
  std::vector<int64_t> column_of_row_, row_of_column_;
  // of one search
  std::vector<double> distance_;
  std::vector<int64_t> previous_row_, unreached_, reached_;
};

std::vector<double> Transposed(absl::Span<const double> cost, int64_t rows, int64_t columns) {
  std::vector<double> out(cost.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) out[c * rows + r] = cost[r * columns + c];
  }
  return out;
}

// The column of every row; rows <= columns.
absl::StatusOr<std::vector<int64_t>> SolveWide(absl::Span<const double> cost, int64_t rows, int64_t columns) {
  AugmentingPaths paths(cost, rows, columns);
  for (int64_t row = 0; row < rows; ++row) {
    if (!paths.Augment(row)) {
      return absl::InvalidArgumentError(
          absl::StrCat("assignment: no assignment of ", rows, " x ", columns, " costs avoids the infinite ones"));
    }
  }
  return paths.column_of_row();
}

}  // namespace

absl::StatusOr<Assignment> SolveAssignment(absl::Span<const double> cost, int64_t rows, int64_t columns) {
  RETURN_IF_ERROR(CheckCosts(cost, rows, columns));
  Assignment assignment;
  if (rows <= columns) {
    ASSIGN_OR_RETURN(assignment.columns, SolveWide(cost, rows, columns));
    assignment.rows.resize(rows);
    std::iota(assignment.rows.begin(), assignment.rows.end(), 0);
    return assignment;
  }
  ASSIGN_OR_RETURN(const std::vector<int64_t> row_of_column, SolveWide(Transposed(cost, rows, columns), columns, rows));
  std::vector<int64_t> column_of_row(rows, kFree);
  for (int64_t column = 0; column < columns; ++column) column_of_row[row_of_column[column]] = column;
  for (int64_t row = 0; row < rows; ++row) {
    if (column_of_row[row] == kFree) continue;
    assignment.rows.push_back(row);
    assignment.columns.push_back(column_of_row[row]);
  }
  return assignment;
}

}  // namespace grouppose::loss
