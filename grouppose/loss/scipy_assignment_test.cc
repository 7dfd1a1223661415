// Which of several best assignments is taken: what scipy says of a table of matrices, most of them with ties
// (tools/python/scipy_assignments.py writes it, and says what a line means).
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "grouppose/loss/assignment.h"

namespace grouppose::loss {
namespace {

constexpr char kTable[] = "grouppose/loss/scipy_assignments.txt";

struct Case {
  int64_t rows = 0, columns = 0;
  std::vector<double> costs;
  std::string result;
};

double CostOf(char character, double scale) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (character) {
    case '-':
      return -0.0;
    case 'i':
      return kInfinity;
    case 'm':
      return -kInfinity;
    case 'n':
      return std::numeric_limits<double>::quiet_NaN();
    default:
      return (character - '0' - 4) * scale;
  }
}

Case ParseCase(const std::string& line) {
  const std::vector<std::string> fields = absl::StrSplit(line, ' ');
  Case parsed;
  double scale = 0;
  EXPECT_TRUE(fields.size() == 5 && absl::SimpleAtoi(fields[0], &parsed.rows) &&
              absl::SimpleAtoi(fields[1], &parsed.columns) && absl::SimpleAtod(fields[2], &scale))
      << line;
  if (fields[3] != "_") {
    for (const char character : fields[3]) parsed.costs.push_back(CostOf(character, scale));
  }
  parsed.result = fields[4];
  return parsed;
}

// As in the table.
std::string ResultOf(const Case& given) {
  const auto pairs = SolveAssignment(given.costs, given.rows, given.columns);
  if (!pairs.ok()) return "refused";
  if (given.rows == 0) return "_";
  std::vector<std::string> column_of_row(given.rows, "x");
  for (size_t i = 0; i < pairs->rows.size(); ++i) column_of_row[pairs->rows[i]] = absl::StrCat(pairs->columns[i]);
  return absl::StrJoin(column_of_row, ",");
}

TEST(ScipyAssignmentTest, TakesTheSameOfSeveralBestAssignments) {
  std::ifstream table(kTable);
  int64_t cases = 0, refused = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line[0] == '#') continue;
    const Case given = ParseCase(line);
    EXPECT_EQ(ResultOf(given), given.result) << line;
    ++cases;
    refused += given.result == "refused";
  }
  EXPECT_GT(cases, 500) << "the table is whole";
  EXPECT_GT(refused, 30);
}

}  // namespace
}  // namespace grouppose::loss
