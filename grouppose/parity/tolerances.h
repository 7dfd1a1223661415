// Which tolerance a recording asks for.
//
// meta.tol is a number, a text, or an object with either for each tensor or group of tensors. Texts are those of the
// recordings: "rel 2e-5", "1e-6 rel", "1e-6", "abs 1e-5 * max|grad|", "exact (...)", "rel 2e-3 (the first: 1e-4)".
#ifndef GROUPPOSE_PARITY_TOLERANCES_H_
#define GROUPPOSE_PARITY_TOLERANCES_H_

#include <optional>
#include <string>

#include "grouppose/parity/difference.h"
#include "grouppose/parity/fixture.h"

namespace grouppose::parity {

// Of the text's first clause. None where it holds no number and no "exact".
std::optional<Tolerance> ParseTolerance(const std::string& text);

// meta.tol.NAME, else meta.tol where it is no object, else none.
std::optional<Tolerance> FindTolerance(const Fixture& fixture, const std::string& name);

// The same; FixtureError where the recording has none.
Tolerance ToleranceOf(const Fixture& fixture, const std::string& name);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_TOLERANCES_H_
