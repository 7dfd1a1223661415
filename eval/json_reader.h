// Typed access to a JSON file through simdjson's on-demand interface, with errors that say where.
//
//   JsonReader reader("results.json", text);
//   return reader.Run([&](JsonReader::Value root) {
//     return reader.Elements(root, {"detections"}, [&](int64_t i, JsonReader::Value value) { ... });
//   });
//
// A value is read once, in file order. Errors are InvalidArgument: "results.json: byte 512: detections[3].score:
// expected a number, found the string "0.5"".
#ifndef EVAL_JSON_READER_H_
#define EVAL_JSON_READER_H_

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace eval {

// Names a value in errors: "annotations[3].bbox". Cheap to make; the text is put together when there is an error.
struct JsonPlace {
  const char* list = "";
  int64_t index = -1;      // record; -1 for the list as a whole
  const char* field = "";  // "" for the record as a whole

  std::string Text() const;
};

class JsonReader {
 public:
  using Value = simdjson::ondemand::value;

  // `source` is the file's name in errors.
  JsonReader(std::string source, std::string json);

  // Calls read(root value), then checks that nothing follows.
  template <typename Read>
  absl::Status Run(Read read);

  // Calls f(key, value) for every entry of an object. An entry that f does not read is for Pass().
  template <typename F>
  absl::Status Entries(Value value, const JsonPlace& place, F f);
  // Calls f(index, value) for every element of an array.
  template <typename F>
  absl::Status Elements(Value value, const JsonPlace& place, F f);

  // Numbers, and the literals NaN, Infinity and -Infinity.
  absl::Status Double(Value value, const JsonPlace& place, double* out);
  // Integers, and numbers like 3.0.
  absl::Status Integer(Value value, const JsonPlace& place, int64_t* out);
  // true, false, or an integer that is not zero or is.
  absl::Status Flag(Value value, const JsonPlace& place, bool* out);
  absl::Status String(Value value, const JsonPlace& place, std::string* out);
  // Replaces the content of `out`.
  absl::Status Doubles(Value value, const JsonPlace& place, std::vector<double>* out);

  // For a value that nobody reads: an error where it is none, which simdjson does not look at.
  absl::Status Pass(Value value, const JsonPlace& place);

  // Whether the text of the value is []. Ask before reading the value.
  bool IsEmptyArray(Value& value) const;

  // "SOURCE: byte N: PLACE: expected WHAT, found WHAT STANDS THERE".
  absl::Status Mismatch(Value value, const JsonPlace& place, absl::string_view expected);
  // "SOURCE: byte N: PLACE: MESSAGE".
  absl::Status ErrorAt(size_t offset, const JsonPlace& place, absl::string_view message) const;

  // Byte of the value's first character. Ask before reading the value.
  size_t OffsetOf(Value& value) const;

 private:
  // Turns NaN, Infinity and -Infinity outside strings into strings of the same length, which simdjson takes, and
  // remembers where they stood.
  void MaskLiterals();
  const double* LiteralAt(size_t offset) const;
  // Reads a number, correctly rounded however many digits it has; false, and nothing read, where the value is none.
  bool IsDouble(Value& value, double* out);
  // For an error of simdjson's: what is wrong with the text, or else that the value has another type.
  absl::Status Broken(simdjson::error_code error, const JsonPlace& place, absl::string_view expected);
  std::string Describe(Value value, size_t offset);

  std::string source_;
  std::string json_;                                 // with what simdjson and SkipJsonValue may read beyond the end
  size_t size_;                                      // without it
  std::vector<std::pair<size_t, double>> literals_;  // offset and meaning, ascending
  bool is_json_ = false;                             // known to be, all of it
  simdjson::ondemand::parser parser_;
};

// Implementation of the templates.

template <typename Read>
absl::Status JsonReader::Run(Read read) {
  const simdjson::padded_string_view padded(json_.data(), size_, json_.size());
  simdjson::ondemand::document document;
  simdjson::error_code error = parser_.iterate(padded).get(document);
  if (error) return Broken(error, {}, "JSON");
  Value root;
  error = document.get_value().get(root);
  if (error) return Broken(error, {}, "an object or an array as the outermost value");
  const absl::Status status = read(root);
  if (!status.ok()) return status;
  // where reading has stopped: an error when nothing is left
  const char* rest = nullptr;
  if (!document.current_location().get(rest)) return Broken(simdjson::TRAILING_CONTENT, {}, "the end of the file");
  return absl::OkStatus();
}

template <typename F>
absl::Status JsonReader::Entries(Value value, const JsonPlace& place, F f) {
  simdjson::ondemand::object object;
  if (value.get_object().get(object)) return Mismatch(value, place, "an object");
  for (auto entry : object) {
    simdjson::ondemand::field field;
    simdjson::error_code error = std::move(entry).get(field);
    if (error) return Broken(error, place, "an entry of an object");
    std::string_view key;
    error = field.unescaped_key().get(key);
    if (error) return Broken(error, place, "a key");
    const absl::Status status = f(absl::string_view(key.data(), key.size()), field.value());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

template <typename F>
absl::Status JsonReader::Elements(Value value, const JsonPlace& place, F f) {
  simdjson::ondemand::array array;
  if (value.get_array().get(array)) return Mismatch(value, place, "an array");
  int64_t index = 0;
  for (auto entry : array) {
    Value element;
    const simdjson::error_code error = std::move(entry).get(element);
    if (error) return Broken(error, place, "an element of an array");
    const absl::Status status = f(index++, element);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace eval

#endif  // EVAL_JSON_READER_H_
