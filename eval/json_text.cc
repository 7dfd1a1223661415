#include "eval/json_text.h"

#include <charconv>
#include <cmath>

#include "absl/strings/str_format.h"

namespace eval {

void AppendJsonDouble(double value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "Infinity" : "-Infinity");
  } else {
    char text[32];  // the longest is 24: sign, 17 digits, point, e-308
    const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
    out->append(text, end);
  }
}

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(out, "\\u%04x", c);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendJsonDoubles(const double* values, size_t count, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonDouble(values[i], out);
  }
  out->push_back(']');
}

}  // namespace eval
