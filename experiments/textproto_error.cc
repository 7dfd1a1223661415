#include "experiments/textproto_error.h"

#include <tuple>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/field_paths.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::Tokenizer;

class IgnoreErrors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

// The words of a text up to and including the one at a position.
std::vector<Tokenizer::Token> TokensUpTo(const std::string& text, int line, int column) {
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  IgnoreErrors errors;
  Tokenizer tokenizer(&input, &errors);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_require_space_after_number(false);
  tokenizer.set_allow_multiline_strings(true);
  std::vector<Tokenizer::Token> tokens;
  while (tokenizer.Next()) {
    const Tokenizer::Token& token = tokenizer.current();
    if (std::tie(token.line, token.column) > std::tie(line, column)) break;
    tokens.push_back(token);
  }
  return tokens;
}

// Where in the nesting of messages a text stands.
struct Place {
  std::vector<std::string> messages;  // names of the open messages
  std::string field;                  // the last field named in the innermost one
  Tokenizer::Token field_token;
};

Place PlaceAfter(const std::vector<Tokenizer::Token>& tokens) {
  Place place;
  bool in_list = false, value_next = false;
  for (const Tokenizer::Token& token : tokens) {
    if (token.text == "{" || token.text == "<") {
      place.messages.push_back(place.field);
      place.field.clear();
      in_list = value_next = false;
    } else if (token.text == "}" || token.text == ">") {
      if (place.messages.empty()) continue;
      place.field = place.messages.back();
      place.messages.pop_back();
    } else if (token.text == "[" || token.text == "]") {
      in_list = token.text == "[";
      value_next = false;
    } else if (token.text == ":") {
      value_next = true;
    } else if (token.text != "-") {
      if (token.type == Tokenizer::TYPE_IDENTIFIER && !in_list && !value_next) {
        place.field = token.text;
        place.field_token = token;
      }
      value_next = false;
    }
  }
  return place;
}

// The text between the first `before` and the last `after` that follows it.
std::string Between(const std::string& text, const std::string& before, const std::string& after) {
  const size_t begin = text.find(before);
  if (begin == std::string::npos) return "";
  const size_t start = begin + before.size();
  const size_t end = text.rfind(after);
  return end == std::string::npos || end < start ? text.substr(start) : text.substr(start, end - start);
}

// What protobuf 3.21's parser says, taken apart. Anything unforeseen stays as it is.
struct Complaint {
  enum Kind { kUnknownField, kUnknownEnumValue, kWrongValue, kTwice, kOneOf, kOther } kind = kOther;
  std::string found;
};

Complaint Understand(const std::string& message) {
  if (absl::StrContains(message, "has no field named")) {
    return {Complaint::kUnknownField, Between(message, "has no field named \"", "\".")};
  }
  if (absl::StartsWith(message, "Unknown enumeration value of ")) {
    return {Complaint::kUnknownEnumValue, Between(message, "value of \"", "\" for field")};
  }
  if (absl::StartsWith(message, "Expected integer, got: ") || absl::StartsWith(message, "Expected double, got: ") ||
      absl::StartsWith(message, "Expected string, got: ") || absl::StartsWith(message, "Expected integer or ")) {
    return {Complaint::kWrongValue, message.substr(message.find("got: ") + 5)};
  }
  if (absl::StartsWith(message, "Integer out of range (")) {
    return {Complaint::kWrongValue, Between(message, "(", ")")};
  }
  if (absl::StartsWith(message, "Invalid value for boolean field")) {
    return {Complaint::kWrongValue, Between(message, "Value: \"", "\".")};
  }
  if (absl::StartsWith(message, "Non-repeated field ")) return {Complaint::kTwice, ""};
  if (absl::StrContains(message, "is specified along with field")) {
    return {Complaint::kOneOf, Between(message, "Field \"", "\" is specified")};
  }
  return {Complaint::kOther, ""};
}

const FieldDescriptor* FindField(const Descriptor* root, const std::string& path) {
  const auto fields = FindFieldPath(root, path);
  return fields.ok() ? fields->back() : nullptr;
}

std::string UnknownEnumValue(const FieldDescriptor* field, const std::string& path, const std::string& found) {
  const std::string nearest = NearestEnumValue(field->enum_type(), found);
  return absl::StrCat(path, ": unknown value '", found, "'", nearest.empty() ? "" : DidYouMean({nearest}), " (",
                      ExpectedText(field), ")");
}

std::string WrongValue(const FieldDescriptor* field, const std::string& path, const std::string& found) {
  // an integer that is none of its type's is the only case where the right kind of value is refused
  const bool is_integer = !found.empty() && absl::c_all_of(found, absl::ascii_isdigit);
  const bool wants_integer = field != nullptr && absl::StrContains(ExpectedText(field), "integer");
  if (is_integer && wants_integer) {
    return absl::StrCat(path, ": ", found, " is out of range for ", field->type_name());
  }
  return absl::StrCat(path, ": expected ", field == nullptr ? "another value" : ExpectedText(field), ", found ",
                      found.empty() ? "nothing" : absl::StrCat("'", found, "'"));
}

// "Expected identifier, got: }" -> "expected identifier, found '}'"
std::string Reworded(std::string message) {
  if (!message.empty()) message[0] = absl::ascii_tolower(message[0]);
  if (absl::EndsWith(message, ".")) message.pop_back();
  const size_t got = message.find(", got: ");
  if (got == std::string::npos) return message;
  return absl::StrCat(message.substr(0, got), ", found '", message.substr(got + 7), "'");
}

}  // namespace

TextprotoError ExplainTextprotoError(const Descriptor* root, const std::string& text, const TextprotoError& raw) {
  std::vector<Tokenizer::Token> tokens = TokensUpTo(text, raw.line, raw.column);
  const Complaint complaint = Understand(raw.message);
  // go back to the word that is meant
  if (!complaint.found.empty()) {
    while (!tokens.empty() && tokens.back().text != complaint.found) tokens.pop_back();
  }
  if (tokens.empty()) tokens = TokensUpTo(text, raw.line, raw.column);
  // a message that is given twice has been opened already
  if (complaint.kind == Complaint::kTwice && !tokens.empty() &&
      (tokens.back().text == "{" || tokens.back().text == "<")) {
    tokens.pop_back();
  }
  // the word that does not fit is no name of a field yet
  if (complaint.kind == Complaint::kOther && !tokens.empty()) tokens.pop_back();
  const Place place = PlaceAfter(tokens);
  const std::string parent = absl::StrJoin(place.messages, ".");
  const std::string path = JoinFieldPath(parent, place.field);
  const FieldDescriptor* field = FindField(root, path);

  TextprotoError error{raw.line + 1, raw.column + 1, raw.message};
  if (!complaint.found.empty() && !tokens.empty()) {
    error.line = tokens.back().line + 1;
    error.column = tokens.back().column + 1;
  }
  switch (complaint.kind) {
    case Complaint::kUnknownField:
      error.message =
          absl::StrCat("unknown field '", complaint.found, "'", parent.empty() ? "" : absl::StrCat(" in ", parent),
                       DidYouMean(SuggestFields(root, parent, complaint.found)));
      break;
    case Complaint::kUnknownEnumValue:
      if (field != nullptr && field->enum_type() != nullptr) {
        error.message = UnknownEnumValue(field, path, complaint.found);
      }
      break;
    case Complaint::kWrongValue:
      error.message = WrongValue(field, path, complaint.found);
      break;
    case Complaint::kTwice:
      error.line = place.field_token.line + 1;
      error.column = place.field_token.column + 1;
      error.message = absl::StrCat(path, ": given twice");
      break;
    case Complaint::kOneOf:
      error.message = absl::StrCat(path, ": expected alone, found together with ",
                                   JoinFieldPath(parent, Between(raw.message, "along with field \"", "\", another")));
      break;
    case Complaint::kOther:
      error.message = absl::StrCat(path.empty() ? "" : absl::StrCat("near ", path, ": "), Reworded(raw.message));
      break;
  }
  return error;
}

}  // namespace grouppose::experiments
