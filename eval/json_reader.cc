#include "eval/json_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "eval/json_fault.h"
#include "eval/json_literals.h"
#include "eval/json_skip.h"
#include "eval/number_scanner.h"

namespace eval {
namespace {

// The longest piece of a file that an error quotes.
constexpr size_t kLongestQuote = 24;

// Integers up to here are exact as doubles.
constexpr double kLargestExactInteger = 9007199254740992.0;  // 2^53

}  // namespace

std::string JsonPlace::Text() const {
  std::string text = list;
  if (index >= 0) absl::StrAppend(&text, "[", index, "]");
  if (*field != '\0') absl::StrAppend(&text, text.empty() ? "" : ".", field);
  return text;
}

JsonReader::JsonReader(std::string source, std::string json)
    : source_(std::move(source)), json_(std::move(json)), size_(json_.size()) {
  json_.resize(size_ + simdjson::SIMDJSON_PADDING, ' ');
  json_.append(kScanPadding, '\0');
  MaskLiterals();
}

void JsonReader::MaskLiterals() {
  // most files have none, and two searches for a rare letter tell
  if (json_.find("NaN") == std::string::npos && json_.find("Infinity") == std::string::npos) return;
  bool in_string = false;
  for (size_t i = 0; i < size_; ++i) {
    const char c = json_[i];
    if (c == '\\' && in_string) ++i;
    if (c == '"') in_string = !in_string;
    if (in_string || (c != 'N' && c != 'I' && c != '-')) continue;
    for (const JsonLiteral& literal : kJsonLiterals) {
      if (json_.compare(i, literal.text.size(), literal.text.data(), literal.text.size()) != 0) continue;
      literals_.emplace_back(i, literal.value);
      std::fill_n(json_.begin() + i, literal.text.size(), '_');
      json_[i] = '"';
      i += literal.text.size() - 1;
      json_[i] = '"';
      break;
    }
  }
}

const double* JsonReader::LiteralAt(size_t offset) const {
  const auto found = std::lower_bound(literals_.begin(), literals_.end(), offset,
                                      [](const auto& literal, size_t wanted) { return literal.first < wanted; });
  return found != literals_.end() && found->first == offset ? &found->second : nullptr;
}

size_t JsonReader::OffsetOf(Value& value) const {
  return static_cast<size_t>(value.raw_json_token().data() - json_.data());
}

absl::Status JsonReader::Pass(Value value, const JsonPlace& place) {
  if (is_json_ || SkipJsonValue(json_.data() + OffsetOf(value)) != nullptr) return absl::OkStatus();
  // the quick look was not enough: the thorough one is due once for the whole text
  if (const auto fault = FindJsonFault(absl::string_view(json_.data(), size_))) {
    return ErrorAt(fault->offset, place, fault->reason);
  }
  is_json_ = true;
  return absl::OkStatus();
}

bool JsonReader::IsEmptyArray(Value& value) const {
  const absl::string_view rest = absl::string_view(json_.data(), size_).substr(OffsetOf(value));
  if (rest.empty() || rest[0] != '[') return false;
  return absl::StartsWith(absl::StripLeadingAsciiWhitespace(rest.substr(1)), "]");
}

bool JsonReader::IsDouble(Value& value, double* out) {
  // simdjson 3.0.1 misreads numbers of more than 19 digits (0.567891234567890123456789 is 8.2e-6 to it): it only says
  // whether this is one, and moves on
  const char* const text = json_.data() + OffsetOf(value);
  if (value.get_double().get(*out)) return false;
  double exact = 0;
  // a number too small for a double is none to the scanner, and zero to simdjson
  if (ScanNumber(text, &exact) != nullptr) *out = exact;
  return true;
}

absl::Status JsonReader::Double(Value value, const JsonPlace& place, double* out) {
  if (IsDouble(value, out)) return absl::OkStatus();
  if (const double* literal = LiteralAt(OffsetOf(value))) {
    // the mask is a string and has to be read as one to go on
    std::string_view mask;
    const simdjson::error_code error = value.get_string().get(mask);
    if (error) return Broken(error, place, "a number");
    *out = *literal;
    return absl::OkStatus();
  }
  return Mismatch(value, place, "a number");
}

absl::Status JsonReader::Integer(Value value, const JsonPlace& place, int64_t* out) {
  if (!value.get_int64().get(*out)) return absl::OkStatus();
  const size_t offset = OffsetOf(value);
  double number = 0;
  if (!IsDouble(value, &number)) return Mismatch(value, place, "an integer");
  if (number != std::floor(number) || std::abs(number) > kLargestExactInteger) {
    return ErrorAt(offset, place, absl::StrCat("expected an integer of 64 bits, found ", number));
  }
  *out = static_cast<int64_t>(number);
  return absl::OkStatus();
}

absl::Status JsonReader::Flag(Value value, const JsonPlace& place, bool* out) {
  if (!value.get_bool().get(*out)) return absl::OkStatus();
  int64_t number = 0;
  if (value.get_int64().get(number)) return Mismatch(value, place, "0, 1, true or false");
  *out = number != 0;
  return absl::OkStatus();
}

absl::Status JsonReader::String(Value value, const JsonPlace& place, std::string* out) {
  if (LiteralAt(OffsetOf(value)) != nullptr) return Mismatch(value, place, "a string");
  std::string_view text;
  if (value.get_string().get(text)) return Mismatch(value, place, "a string");
  out->assign(text.data(), text.size());
  return absl::OkStatus();
}

absl::Status JsonReader::Doubles(Value value, const JsonPlace& place, std::vector<double>* out) {
  out->clear();
  return Elements(value, place, [&](int64_t, Value element) {
    out->push_back(0);
    return Double(element, place, &out->back());
  });
}

absl::Status JsonReader::Mismatch(Value value, const JsonPlace& place, absl::string_view expected) {
  // a text that is not JSON at all is the better explanation
  const absl::string_view text(json_.data(), size_);
  if (const auto fault = FindJsonFault(text)) return ErrorAt(fault->offset, {}, fault->reason);
  const size_t offset = OffsetOf(value);
  return ErrorAt(offset, place, absl::StrCat("expected ", expected, ", found ", Describe(value, offset)));
}

absl::Status JsonReader::Broken(simdjson::error_code error, const JsonPlace& place, absl::string_view expected) {
  const absl::string_view text(json_.data(), size_);
  if (const auto fault = FindJsonFault(text)) return ErrorAt(fault->offset, place, fault->reason);
  if (size_ > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat(source_, ": ", size_, " bytes, expected less than 4 GiB"));
  }
  size_t offset = 0;
  while (offset < size_ && absl::ascii_isspace(json_[offset])) ++offset;
  return ErrorAt(offset, place, absl::StrCat("expected ", expected, ": ", simdjson::error_message(error)));
}

std::string JsonReader::Describe(Value value, size_t offset) {
  if (const double* literal = LiteralAt(offset)) {
    return std::isnan(*literal) ? "NaN" : *literal > 0 ? "Infinity" : "-Infinity";
  }
  const absl::string_view rest = absl::string_view(json_.data(), size_).substr(offset);
  if (rest.empty()) return "the end of the file";
  if (rest[0] == '{') return "an object";
  if (rest[0] == '[') return "an array";
  size_t end = rest[0] == '"' ? rest.find('"', 1) + 1 : rest.find_first_of(" \t\r\n,]}");
  end = std::min({end == 0 ? rest.size() : end, rest.size(), kLongestQuote});
  return absl::StrCat(rest[0] == '"' ? "the string " : "", rest.substr(0, end), end == kLongestQuote ? "..." : "");
}

absl::Status JsonReader::ErrorAt(size_t offset, const JsonPlace& place, absl::string_view message) const {
  const std::string where = place.Text();
  return absl::InvalidArgumentError(
      absl::StrCat(source_, ": byte ", offset, ": ", where, where.empty() ? "" : ": ", message));
}

}  // namespace eval
