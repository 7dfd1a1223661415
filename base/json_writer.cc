#include "base/json_writer.h"

#include <charconv>
#include <cmath>

#include "base/check.h"

namespace base {
namespace {

// Long enough for every double in its shortest form (24 characters) and every 64-bit integer (20).
constexpr size_t kNumberSize = 32;

template <typename Number>
void AppendNumber(Number value, std::string* text) {
  char buffer[kNumberSize];
  const auto end = std::to_chars(buffer, buffer + kNumberSize, value);
  GROUPPOSE_CHECK(end.ec == std::errc());
  text->append(buffer, end.ptr);
}

// The number of bytes of the UTF-8 character that `text` starts with, 0 where it starts with none (RFC 3629, section 4:
// no overlong forms, no surrogates, nothing above U+10FFFF).
size_t CharacterSize(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t size = 0;
  unsigned char low = 0x80, high = 0xBF;  // of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  if (size == 0 || text.size() < size || byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return size;
}

void AppendEscaped(char c, std::string* text) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      *text += "\\\"";
      return;
    case '\\':
      *text += "\\\\";
      return;
    case '\n':
      *text += "\\n";
      return;
    case '\r':
      *text += "\\r";
      return;
    case '\t':
      *text += "\\t";
      return;
    default:
      *text += "\\u00";
      *text += kHex[static_cast<unsigned char>(c) >> 4];
      *text += kHex[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

void JsonWriter::NewLine(size_t depth) {
  *text_ += '\n';
  text_->append(depth * options_.indent, ' ');
}

void JsonWriter::Separate() {
  Open& open = open_.back();
  if (!open.empty) *text_ += options_.indent > 0 && open.one_line ? ", " : ",";
  open.empty = false;
  if (!open.one_line) NewLine(open_.size());
}

void JsonWriter::BeforeValue() {
  GROUPPOSE_CHECK(!done_, "a JSON text is one value");
  if (open_.empty()) {
    done_ = true;
  } else if (open_.back().kind == '{') {
    GROUPPOSE_CHECK(after_key_, "a member of an object has a key");
    after_key_ = false;
  } else {
    Separate();
  }
}

JsonWriter& JsonWriter::Begin(char kind, Layout layout) {
  BeforeValue();
  done_ = false;
  const bool one_line = options_.indent == 0 || layout == kOneLine || (!open_.empty() && open_.back().one_line);
  open_.push_back({kind, one_line});
  *text_ += kind;
  return *this;
}

JsonWriter& JsonWriter::End(char kind) {
  GROUPPOSE_CHECK(!open_.empty() && open_.back().kind == kind && !after_key_, "nothing that could be ended by ",
                  kind == '{' ? "EndObject" : "EndArray");
  const Open open = open_.back();
  open_.pop_back();
  if (!open.one_line && !open.empty) NewLine(open_.size());
  *text_ += kind == '{' ? '}' : ']';
  done_ = open_.empty();
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  GROUPPOSE_CHECK(!open_.empty() && open_.back().kind == '{' && !after_key_, "a key stands in an object: ", key);
  Separate();
  Quote(key);
  *text_ += options_.indent > 0 ? ": " : ":";
  after_key_ = true;
  return *this;
}

void JsonWriter::Quote(std::string_view text) {
  *text_ += '"';
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const char first = text[0];
    if (size == 0) {
      *text_ += "\xEF\xBF\xBD";  // U+FFFD
    } else if (size == 1 && (static_cast<unsigned char>(first) < 0x20 || first == '"' || first == '\\')) {
      AppendEscaped(first, text_);
    } else {
      text_->append(text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  *text_ += '"';
}

JsonWriter& JsonWriter::Value(std::string_view value) {
  BeforeValue();
  Quote(value);
  return *this;
}

JsonWriter& JsonWriter::Value(bool value) {
  BeforeValue();
  *text_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  text_->append(json);
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeforeValue();
  *text_ += "null";
  return *this;
}

JsonWriter& JsonWriter::Value(double value) {
  if (!std::isfinite(value)) {
    GROUPPOSE_CHECK(options_.not_finite == kNull, "JSON has no ", value);
    return Null();
  }
  BeforeValue();
  AppendNumber(value, text_);
  return *this;
}

JsonWriter& JsonWriter::Value(float value) {
  if (!std::isfinite(value)) return Value(static_cast<double>(value));
  BeforeValue();
  AppendNumber(value, text_);
  return *this;
}

JsonWriter& JsonWriter::Signed(int64_t value) {
  BeforeValue();
  AppendNumber(value, text_);
  return *this;
}

JsonWriter& JsonWriter::Unsigned(uint64_t value) {
  BeforeValue();
  AppendNumber(value, text_);
  return *this;
}

void JsonWriter::Finish() {
  GROUPPOSE_CHECK(done_, open_.empty() ? "nothing was written" : "something that was begun has not been ended");
  if (options_.indent > 0) *text_ += '\n';
}

}  // namespace base
