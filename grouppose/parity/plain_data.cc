#include "grouppose/parity/plain_data.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json_writer.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;
using checkpoint::Value;

std::vector<std::string> KeysOf(const Value* value) {
  std::vector<std::string> keys;
  if (value == nullptr || (value->kind != Value::Kind::kDict && value->kind != Value::Kind::kObject)) return keys;
  for (const auto& [key, item] : value->AsPairs()) {
    keys.push_back(key->kind == Value::Kind::kString ? key->AsText() : checkpoint::ToText(*key));
  }
  return keys;
}

// At the top, else under any key of the top.
const Value* FindBelow(const Value& root, const std::string& key) {
  if (const Value* value = root.Find(key)) return value;
  if (root.kind != Value::Kind::kDict) return nullptr;
  for (const auto& [name, item] : root.AsPairs()) {
    if (const Value* value = item->Find(key)) return value;
  }
  return nullptr;
}

// "" where equal, else where and how the two differ. Numbers are equal as doubles; an object may have more fields than
// are expected.
std::string Differ(dom::element actual, dom::element expected, const std::string& path) {
  double a = 0, e = 0;
  if (!expected.is_bool() && !actual.is_bool() && !expected.get(e) && !actual.get(a)) {
    return a == e ? "" : absl::StrCat(path, " is ", a, ", expected ", e);
  }
  dom::array expected_items, actual_items;
  if (!expected.get(expected_items)) {
    if (actual.get(actual_items) || actual_items.size() != expected_items.size()) {
      return absl::StrCat(path, " is no list of ", expected_items.size());
    }
    for (size_t i = 0; i < expected_items.size(); ++i) {
      const std::string found = Differ(actual_items.at(i), expected_items.at(i), absl::StrCat(path, "/", i));
      if (!found.empty()) return found;
    }
    return "";
  }
  dom::object expected_fields;
  if (!expected.get(expected_fields)) {
    for (const auto field : expected_fields) {
      const std::string below = absl::StrCat(path, "/", std::string(field.key));
      dom::element value;
      if (actual.at_key(field.key).get(value)) return below + " is not there";
      const std::string found = Differ(value, field.value, below);
      if (!found.empty()) return found;
    }
    return "";
  }
  const std::string found = simdjson::minify(actual), wanted = simdjson::minify(expected);
  return found == wanted ? "" : absl::StrCat(path, " is ", found, ", expected ", wanted);
}

}  // namespace

void ComparePlainData(const Fixture& expected, const Value& root, Report* report) {
  if (!expected.HasMeta("plain")) return;
  for (const std::string& key : expected.Keys("plain")) {
    const std::string pointer = "plain/" + key;
    if (key == "key_order" || key == "top_keys") {
      report->Equal(key, KeysOf(key == "top_keys" ? &root : root.Find("model")), expected.Strings(pointer));
      continue;
    }
    const Value* value = FindBelow(root, key);
    if (value == nullptr) {
      report->Fail(key, "the file has no such value");
      continue;
    }
    std::string text;
    base::JsonWriter::Options options;
    options.not_finite = base::JsonWriter::kNull;
    base::JsonWriter json(&text, options);
    checkpoint::WriteJson(*value, &json);
    json.Finish();
    dom::parser parser;
    dom::element actual;
    if (parser.parse(text).get(actual)) {
      report->Fail(key, "our JSON of it does not parse");
      continue;
    }
    const std::string fault = Differ(actual, expected.Meta(pointer), key);
    report->Expect(key, fault.empty(), fault);
  }
}

}  // namespace grouppose::parity
