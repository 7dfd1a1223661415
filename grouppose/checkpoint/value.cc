#include "grouppose/checkpoint/value.h"

#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace grouppose::checkpoint {
namespace {

using Kind = Value::Kind;

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // the fewest digits that give the same number back
  std::string text;
  for (int digits = 1; digits <= 17; ++digits) {
    text = absl::StrFormat("%.*g", digits, value);
    if (std::strtod(text.c_str(), nullptr) == value) break;
  }
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

// Python's text of a value, as long as there is room.
class Printer {
 public:
  explicit Printer(size_t room) : room_(room) {}

  void Print(const Value& value) {
    if (Full()) return;
    switch (value.kind) {
      case Kind::kNone:
        return Add("None");
      case Kind::kBool:
        return Add(value.AsBool() ? "True" : "False");
      case Kind::kInt:
        return Add(absl::StrCat(value.AsInt()));
      case Kind::kFloat:
        return Add(FloatText(value.AsFloat()));
      case Kind::kNumber:
      case Kind::kName:
        return Add(value.AsText());
      case Kind::kString:
        return Add(absl::StrCat("'", absl::Utf8SafeCEscape(value.AsText().substr(0, room_)), "'"));
      case Kind::kBytes:
        return Add(absl::StrCat("b'", absl::CHexEscape(value.AsText().substr(0, room_)), "'"));
      case Kind::kList:
        return PrintItems("[", value, "]");
      case Kind::kTuple:
        return PrintItems("(", value, value.AsItems().size() == 1 ? ",)" : ")");
      case Kind::kSet:
        return PrintItems("{", value, "}");
      case Kind::kDict:
      case Kind::kObject:
        return PrintPairs(value);
      case Kind::kTensor:
        return Add("tensor");
      case Kind::kStorage:
        return Add("storage");
    }
  }

  std::string Text() && {
    if (Full()) text_.replace(room_, text_.size(), "...");
    return std::move(text_);
  }

 private:
  bool Full() const { return text_.size() > room_; }
  void Add(const std::string& text) { text_ += text; }

  void PrintItems(const char* begin, const Value& value, const char* end) {
    Add(begin);
    const char* separator = "";
    for (const Value* item : value.AsItems()) {
      if (Full()) return;
      Add(separator);
      Print(*item);
      separator = ", ";
    }
    Add(end);
  }

  void PrintPairs(const Value& value) {
    Add("{");
    const char* separator = "";
    for (const auto& [key, item] : value.AsPairs()) {
      if (Full()) return;
      Add(separator);
      Print(*key);
      Add(": ");
      Print(*item);
      separator = ", ";
    }
    Add("}");
  }

  const size_t room_;
  std::string text_;
};

}  // namespace

const Value* Value::Find(std::string_view key) const {
  if (kind != Kind::kDict && kind != Kind::kObject) return nullptr;
  const Value* found = nullptr;
  for (const auto& [name, value] : AsPairs()) {
    if (name->kind == Kind::kString && name->AsText() == key) found = value;
  }
  return found;
}

std::string ToText(const Value& value, size_t max_characters) {
  Printer printer(max_characters);
  printer.Print(value);
  return std::move(printer).Text();
}

void WriteJson(const Value& value, base::JsonWriter* json) {
  switch (value.kind) {
    case Kind::kNone:
    case Kind::kTensor:
    case Kind::kStorage:
      json->Null();
      return;
    case Kind::kBool:
      json->Value(value.AsBool());
      return;
    case Kind::kInt:
      json->Value(value.AsInt());
      return;
    case Kind::kFloat:
      if (std::isfinite(value.AsFloat())) {
        json->Value(value.AsFloat());
      } else {
        json->Value(FloatText(value.AsFloat()));
      }
      return;
    case Kind::kBytes:
      json->Value(absl::CHexEscape(value.AsText()));
      return;
    case Kind::kNumber:
    case Kind::kString:
    case Kind::kName:
      json->Value(value.AsText());
      return;
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kSet:
      json->BeginArray();
      for (const Value* item : value.AsItems()) WriteJson(*item, json);
      json->EndArray();
      return;
    case Kind::kDict:
    case Kind::kObject:
      json->BeginObject();
      for (const auto& [key, item] : value.AsPairs()) {
        json->Key(key->kind == Kind::kString ? key->AsText() : ToText(*key));
        WriteJson(*item, json);
      }
      json->EndObject();
      return;
  }
}

}  // namespace grouppose::checkpoint
