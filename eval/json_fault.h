// Where a text stops being JSON, and why.
//
// simdjson says that a text is broken, not where. This slow, plain scan runs only after that, to write the error.
#ifndef EVAL_JSON_FAULT_H_
#define EVAL_JSON_FAULT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace eval {

struct JsonFault {
  size_t offset = 0;   // byte, counted from 0; the text's size where it ends too early
  std::string reason;  // "expected ',' or ']', found the end of the file"
};

// The first fault by RFC 8259, but for the literals NaN, Infinity and -Infinity, which are allowed as values. Nothing
// where the text is sound.
std::optional<JsonFault> FindJsonFault(absl::string_view json);

// "the end of the file", "'x'" or "byte 0x1f": what stands at an offset, for an error message.
std::string DescribeByte(absl::string_view json, size_t offset);

}  // namespace eval

#endif  // EVAL_JSON_FAULT_H_
