#include "grouppose/loss/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "base/random.h"

namespace grouppose::loss {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Costs {
  int64_t rows, columns;
  std::vector<double> values;
};

double Total(const Costs& costs, const Assignment& pairs) {
  double total = 0;
  for (size_t i = 0; i < pairs.rows.size(); ++i)
    total += costs.values[pairs.rows[i] * costs.columns + pairs.columns[i]];
  return total;
}

// The least total over all ways to pair the shorter side, by trying every permutation of the longer one.
double BestByBruteForce(const Costs& costs) {
  const int64_t few = std::min(costs.rows, costs.columns), many = std::max(costs.rows, costs.columns);
  std::vector<int64_t> order(many);
  std::iota(order.begin(), order.end(), 0);
  double best = kInfinity;
  do {
    double total = 0;
    for (int64_t i = 0; i < few; ++i) {
      const int64_t row = costs.rows <= costs.columns ? i : order[i];
      const int64_t column = costs.rows <= costs.columns ? order[i] : i;
      total += costs.values[row * costs.columns + column];
    }
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return few == 0 ? 0 : best;
}

// Every row and column at most once, rows ascending, as many pairs as the shorter side has.
void ExpectValid(const Costs& costs, const Assignment& pairs) {
  ASSERT_EQ(pairs.rows.size(), static_cast<size_t>(std::min(costs.rows, costs.columns)));
  ASSERT_EQ(pairs.columns.size(), pairs.rows.size());
  EXPECT_TRUE(std::is_sorted(pairs.rows.begin(), pairs.rows.end()));
  EXPECT_EQ(std::set<int64_t>(pairs.rows.begin(), pairs.rows.end()).size(), pairs.rows.size());
  EXPECT_EQ(std::set<int64_t>(pairs.columns.begin(), pairs.columns.end()).size(), pairs.columns.size());
  for (size_t i = 0; i < pairs.rows.size(); ++i) {
    ASSERT_TRUE(pairs.rows[i] >= 0 && pairs.rows[i] < costs.rows);
    ASSERT_TRUE(pairs.columns[i] >= 0 && pairs.columns[i] < costs.columns);
  }
}

TEST(AssignmentTest, SolvesTheExampleOfTheHeader) {
  const auto pairs = SolveAssignment({5, 1, 2, 4, 3, 9}, 3, 2);
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_THAT(pairs->rows, ElementsAre(0, 1));
  EXPECT_THAT(pairs->columns, ElementsAre(1, 0));
}

TEST(AssignmentTest, EmptySidesGiveNoPairs) {
  for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{{0, 0}, {0, 5}, {12, 0}}) {
    const auto pairs = SolveAssignment({}, rows, columns);
    ASSERT_TRUE(pairs.ok()) << pairs.status();
    EXPECT_TRUE(pairs->rows.empty() && pairs->columns.empty());
  }
}

// Every shape up to 7, real costs of both signs and small integers (many ties).
TEST(AssignmentTest, EqualsBruteForceOnAllSmallShapes) {
  base::RandomStream random("assignment_test", {1});
  for (int64_t rows = 0; rows <= 7; ++rows) {
    for (int64_t columns = 0; columns <= 7; ++columns) {
      for (int kind = 0; kind < 4; ++kind) {
        Costs costs{rows, columns, std::vector<double>(rows * columns)};
        for (double& c : costs.values) {
          c = kind == 0 ? random.NextUniform(-3, 3) : static_cast<double>(random.NextBelow(kind + 1)) - 1;
        }
        const auto pairs = SolveAssignment(costs.values, rows, columns);
        ASSERT_TRUE(pairs.ok()) << pairs.status();
        ExpectValid(costs, *pairs);
        EXPECT_NEAR(Total(costs, *pairs), BestByBruteForce(costs), 1e-12) << rows << " x " << columns << ", " << kind;
      }
    }
  }
}

// No brute force is feasible here: for an optimum no exchange of two pairs, and no move to a free line, lowers the sum,
// and the transposed problem has the same total.
TEST(AssignmentTest, LargeShapesAreConsistentWithTheirTranspose) {
  base::RandomStream random("assignment_test", {2});
  for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{{100, 30}, {31, 100}, {64, 64}}) {
    Costs costs{rows, columns, std::vector<double>(rows * columns)};
    Costs transposed{columns, rows, std::vector<double>(rows * columns)};
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        costs.values[r * columns + c] = transposed.values[c * rows + r] = random.NextUniform(-10, 10);
      }
    }
    const auto pairs = SolveAssignment(costs.values, rows, columns);
    const auto other = SolveAssignment(transposed.values, columns, rows);
    ASSERT_TRUE(pairs.ok() && other.ok());
    ExpectValid(costs, *pairs);
    EXPECT_NEAR(Total(costs, *pairs), Total(transposed, *other), 1e-9);
    auto cost = [&](int64_t i, int64_t j) { return costs.values[pairs->rows[i] * columns + pairs->columns[j]]; };
    for (size_t i = 0; i < pairs->rows.size(); ++i) {
      for (size_t j = 0; j < i; ++j) EXPECT_LE(cost(i, i) + cost(j, j), cost(i, j) + cost(j, i) + 1e-12);
    }
  }
}

TEST(AssignmentTest, AllEqualCostsStillGiveAFullAssignment) {
  for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{{6, 6}, {3, 9}, {9, 3}}) {
    const Costs costs{rows, columns, std::vector<double>(rows * columns, 2.5)};
    const auto pairs = SolveAssignment(costs.values, rows, columns);
    ASSERT_TRUE(pairs.ok());
    ExpectValid(costs, *pairs);
    const auto again = SolveAssignment(costs.values, rows, columns);
    EXPECT_EQ(pairs->columns, again->columns);
  }
}

TEST(AssignmentTest, InfinityForbidsAPair) {
  const auto pairs = SolveAssignment({0, 1, 0, kInfinity}, 2, 2);
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_THAT(pairs->columns, ElementsAre(1, 0));
}

TEST(AssignmentTest, RefusesWhatHasNoAnswer) {
  const double nan = std::nan("");
  auto message = [](std::vector<double> cost, int64_t rows, int64_t columns) {
    const auto pairs = SolveAssignment(cost, rows, columns);
    EXPECT_EQ(pairs.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(pairs.status().message());
  };
  EXPECT_THAT(message({1, 2, 3, 4, nan, 6}, 2, 3), HasSubstr("row 1 and column 1 is nan"));
  EXPECT_THAT(message({1, -kInfinity}, 1, 2), HasSubstr("row 0 and column 1 is -inf"));
  EXPECT_THAT(message({1, kInfinity, 1, kInfinity}, 2, 2), HasSubstr("no assignment of 2 x 2"));
  EXPECT_THAT(message({kInfinity, kInfinity, kInfinity, 1, 1, 1}, 2, 3), HasSubstr("avoids the infinite ones"));
  EXPECT_THAT(message({1, 2, 3}, 2, 2), HasSubstr("3 costs given for 2 rows and 2 columns"));
}

}  // namespace
}  // namespace grouppose::loss
