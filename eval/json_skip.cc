#include "eval/json_skip.h"

#include <cstring>

namespace eval {
namespace {

constexpr int kDeepest = 32;

bool IsHexadecimal(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// Past the string whose opening quote is at `text`. What is not ASCII is trouble.
const char* SkipString(const char* text) {
  for (++text;; ++text) {
    const unsigned char c = *text;
    if (c == '"') return text + 1;
    if (c < 0x20 || c >= 0x80) return nullptr;
    if (c != '\\') continue;
    ++text;
    if (*text == 'u') {
      for (int i = 0; i < 4; ++i) {
        if (!IsHexadecimal(*++text)) return nullptr;
      }
    } else if (*text == '\0' || std::strchr("\"\\/bfnrt", *text) == nullptr) {
      return nullptr;
    }
  }
}

const char* SkipLiteral(const char* text) {
  for (const char* literal : {"true", "false", "null"}) {
    const size_t length = std::strlen(literal);
    if (std::strncmp(text, literal, length) == 0) return text + length;
  }
  return nullptr;
}

const char* SkipValue(const char* text, int depth);

const char* SkipList(const char* text, char close, int depth) {
  if (depth == kDeepest) return nullptr;
  text = SkipSpace(text + 1);
  if (*text == close) return text + 1;
  for (bool more = true; more;) {
    text = SkipSpace(text);
    if (close == '}') {
      if (*text != '"') return nullptr;
      text = SkipString(text);
      if (text == nullptr) return nullptr;
      text = SkipSpace(text);
      if (*text != ':') return nullptr;
      text = SkipSpace(text + 1);
    }
    text = SkipValue(text, depth + 1);
    if (text == nullptr) return nullptr;
    text = PastSeparator(text, close, &more);
    if (text == nullptr) return nullptr;
  }
  return text;
}

const char* SkipValue(const char* text, int depth) {
  double number;
  switch (*text) {
    case '"':
      return SkipString(text);
    case '[':
      return SkipList(text, ']', depth);
    case '{':
      return SkipList(text, '}', depth);
    case 't':
    case 'f':
    case 'n':
      return SkipLiteral(text);
    default:
      return ScanNumber(text, &number);
  }
}

}  // namespace

const char* SkipJsonValue(const char* text) { return SkipValue(text, 0); }

}  // namespace eval
