#include "grouppose/parity/tolerances.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace grouppose::parity {
namespace {

std::optional<Tolerance> FromElement(simdjson::dom::element element) {
  double number = 0;
  std::string_view text;
  if (!element.get(number)) return Tolerance::Absolute(number);
  if (!element.get(text)) return ParseTolerance(std::string(text));
  return std::nullopt;
}

}  // namespace

std::optional<Tolerance> ParseTolerance(const std::string& text) {
  const std::string clause = text.substr(0, text.find_first_of("(,;"));
  const size_t start = clause.find_first_of("0123456789");
  if (start == std::string::npos) {
    if (absl::StrContains(clause, "exact")) return Tolerance::Exact();
    return std::nullopt;
  }
  const size_t end = std::min(clause.find_first_not_of("0123456789.eE+-", start), clause.size());
  double number = 0;
  if (!absl::SimpleAtod(clause.substr(start, end - start), &number)) return std::nullopt;
  if (absl::StrContains(clause, "rel")) return Tolerance::Relative(number);
  if (absl::StrContains(clause, "max|")) return Tolerance::OfLargest(number);
  return Tolerance::Absolute(number);
}

std::optional<Tolerance> FindTolerance(const Fixture& fixture, const std::string& name) {
  if (fixture.HasMeta("tol/" + name)) return FromElement(fixture.Meta("tol/" + name));
  if (fixture.HasMeta("tol")) return FromElement(fixture.Meta("tol"));
  return std::nullopt;
}

Tolerance ToleranceOf(const Fixture& fixture, const std::string& name) {
  const std::optional<Tolerance> tolerance = FindTolerance(fixture, name);
  if (!tolerance.has_value()) {
    throw FixtureError(absl::StrCat(fixture.name(), ".json: no tolerance meta/tol/", name, " that can be read"));
  }
  return *tolerance;
}

}  // namespace grouppose::parity
