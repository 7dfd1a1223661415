// Pieces of JSON text, written the same way everywhere: the same values give the same bytes.
#ifndef EVAL_JSON_TEXT_H_
#define EVAL_JSON_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace eval {

// The shortest text that reads back as the same double. NaN and infinities as Python's json module writes them (NaN,
// Infinity, -Infinity), which is not strict JSON.
void AppendJsonDouble(double value, std::string* out);

// In quotes, with the escapes that JSON asks for.
void AppendJsonString(absl::string_view text, std::string* out);

// "[1,2.5]".
void AppendJsonDoubles(const double* values, size_t count, std::string* out);

}  // namespace eval

#endif  // EVAL_JSON_TEXT_H_
