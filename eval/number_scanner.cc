#include "eval/number_scanner.h"

#include <charconv>
#include <cstring>

#include "eval/json_literals.h"

namespace eval {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Past one digit or more; null where there is none.
const char* SkipDigits(const char* text) {
  if (!IsDigit(*text)) return nullptr;
  while (IsDigit(*text)) ++text;
  return text;
}

// Past a number as JSON's grammar has it; null where there is none.
const char* SkipNumber(const char* text) {
  if (*text == '-') ++text;
  if (*text == '0') {
    ++text;
    if (IsDigit(*text)) return nullptr;
  } else {
    text = SkipDigits(text);
    if (text == nullptr) return nullptr;
  }
  if (*text == '.') {
    text = SkipDigits(text + 1);
    if (text == nullptr) return nullptr;
  }
  if (*text == 'e' || *text == 'E') {
    ++text;
    if (*text == '+' || *text == '-') ++text;
    text = SkipDigits(text);
  }
  return text;
}

}  // namespace

const char* ScanAnyNumber(const char* text, double* value) {
  if (const char* end = SkipNumber(text)) {
    return std::from_chars(text, end, *value).ec == std::errc() ? end : nullptr;
  }
  for (const JsonLiteral& literal : kJsonLiterals) {
    const size_t length = literal.text.size();
    if (std::strncmp(text, literal.text.data(), length) != 0) continue;
    *value = literal.value;
    return text + length;
  }
  return nullptr;
}

}  // namespace eval
