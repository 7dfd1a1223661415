#include "eval/json_fault.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace eval {
namespace {

// A scan that stops at the first fault. The functions return false once there is one.
class FaultFinder {
 public:
  explicit FaultFinder(absl::string_view json) : json_(json) {}

  std::optional<JsonFault> Run() {
    if (Document()) return std::nullopt;
    return fault_;
  }

 private:
  bool AtEnd() const { return at_ >= json_.size(); }
  char Next() const { return AtEnd() ? '\0' : json_[at_]; }

  bool Fail(size_t offset, absl::string_view expected) {
    fault_ = {offset, absl::StrCat("expected ", expected, ", found ", DescribeByte(json_, offset))};
    return false;
  }

  void SkipSpace() {
    while (Next() == ' ' || Next() == '\n' || Next() == '\r' || Next() == '\t') ++at_;
  }

  bool Take(char c) {
    if (AtEnd() || json_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Nesting is a stack of our own: a hostile file must not exhaust the machine's.
  bool Document() {
    do {
      if (!Opening()) return false;
      if (!Closings()) return false;
    } while (!open_.empty());
    SkipSpace();
    return AtEnd() || Fail(at_, "the end of the file");
  }

  // A value up to where another one begins: all of a scalar, or an object or array down to its first scalar.
  bool Opening() {
    while (true) {
      SkipSpace();
      if (Take('[')) {
        open_.push_back('[');
        SkipSpace();
        if (Next() == ']') return true;
      } else if (Take('{')) {
        open_.push_back('{');
        SkipSpace();
        if (Next() == '}') return true;
        if (!Key()) return false;
      } else {
        return Scalar();
      }
    }
  }

  // What follows a value: the ends of the objects and arrays around it, or a comma, after which a value begins.
  bool Closings() {
    while (!open_.empty()) {
      SkipSpace();
      const char close = open_.back() == '[' ? ']' : '}';
      if (Take(close)) {
        open_.pop_back();
      } else if (Take(',')) {
        SkipSpace();
        return open_.back() == '[' || Key();
      } else {
        return Fail(at_, open_.back() == '[' ? "',' or ']'" : "',' or '}'");
      }
    }
    return true;
  }

  bool Key() {
    if (Next() != '"') return Fail(at_, "a key in double quotes");
    if (!String()) return false;
    SkipSpace();
    return Take(':') || Fail(at_, "':' after a key");
  }

  bool Scalar() {
    if (Next() == '"') return String();
    for (absl::string_view word : {"true", "false", "null", "NaN", "Infinity", "-Infinity"}) {
      if (absl::StartsWith(json_.substr(at_), word)) {
        at_ += word.size();
        return true;
      }
    }
    if (Next() == '-' || absl::ascii_isdigit(Next())) return Number();
    return Fail(at_, "a value");
  }

  bool Digits() {
    if (!absl::ascii_isdigit(Next())) return Fail(at_, "a digit");
    while (absl::ascii_isdigit(Next())) ++at_;
    return true;
  }

  bool Number() {
    Take('-');
    // no digit may follow a leading zero
    if (Take('0')) {
      if (absl::ascii_isdigit(Next())) return Fail(at_, "no digit after a leading zero");
    } else if (!Digits()) {
      return false;
    }
    if (Take('.') && !Digits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      return Digits();
    }
    return true;
  }

  bool String() {
    ++at_;
    while (true) {
      if (AtEnd()) return Fail(at_, "the closing '\"' of a string");
      const unsigned char c = json_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return Fail(at_, "an escape instead of a control character in a string");
      if (!(c == '\\' ? Escape() : c < 0x80 ? (++at_, true) : Utf8())) return false;
    }
  }

  bool Escape() {
    ++at_;
    if (Take('u')) {
      for (int i = 0; i < 4; ++i, ++at_) {
        if (!absl::ascii_isxdigit(Next())) return Fail(at_, "four hexadecimal digits after \\u");
      }
      return true;
    }
    if (AtEnd() || absl::string_view("\"\\/bfnrt").find(Next()) == absl::string_view::npos) {
      return Fail(at_, "one of \" \\ / b f n r t u after a backslash");
    }
    ++at_;
    return true;
  }

  // One character of more than one byte: the ranges of table 3-7 of the Unicode standard.
  bool Utf8() {
    const unsigned char first = json_[at_];
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    unsigned char low = 0x80, high = 0xbf;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (first < 0xc2 || first > 0xf4) return Fail(at_, "UTF-8");
    ++at_;
    for (int i = 0; i < more; ++i, ++at_) {
      const unsigned char c = Next();
      if (AtEnd() || c < low || c > high) return Fail(at_, "the rest of a UTF-8 character");
      low = 0x80;
      high = 0xbf;
    }
    return true;
  }

  absl::string_view json_;
  size_t at_ = 0;
  std::vector<char> open_;  // '[' and '{' that are not closed yet
  JsonFault fault_;
};

}  // namespace

std::string DescribeByte(absl::string_view json, size_t offset) {
  if (offset >= json.size()) return "the end of the file";
  const unsigned char c = json[offset];
  if (c >= 0x20 && c < 0x7f) return absl::StrFormat("'%c'", c);
  return absl::StrFormat("byte 0x%02x", c);
}

std::optional<JsonFault> FindJsonFault(absl::string_view json) { return FaultFinder(json).Run(); }

}  // namespace eval
