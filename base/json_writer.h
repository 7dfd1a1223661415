// Writes JSON as it goes: reports, results and logs.
//
//   std::string text;
//   base::JsonWriter json(&text);
//   json.BeginObject();
//   json.Member("step", 300);
//   json.Key("AP").BeginArray(base::JsonWriter::kOneLine);
//   for (double ap : values) json.Value(ap);
//   json.EndArray();
//   json.EndObject();
//   json.Finish();   // {"step":300,"AP":[0.1,0.25]}
//
// Numbers have the fewest digits that give the same double (or float) back. Text is UTF-8; bytes that are not become
// U+FFFD. A value where a key is due, an end without its beginning and the like are broken invariants (CheckError).
#ifndef BASE_JSON_WRITER_H_
#define BASE_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace base {

class JsonWriter {
 public:
  // JSON has no NaN and no infinity. kRefuse: CheckError. kNull: `null` stands for them.
  enum NotFinite { kRefuse, kNull };
  struct Options {
    // Spaces for each level, one member a line; 0: everything in one line, without spaces.
    int indent = 0;
    NotFinite not_finite = kRefuse;
  };
  // kOneLine: what this object or array holds is written in one line whatever `indent` is.
  enum Layout { kAsOptions, kOneLine };

  // Appends to `text`, which outlives the writer.
  explicit JsonWriter(std::string* text) : JsonWriter(text, Options()) {}
  JsonWriter(std::string* text, const Options& options) : text_(text), options_(options) {}

  JsonWriter& BeginObject(Layout layout = kAsOptions) { return Begin('{', layout); }
  JsonWriter& EndObject() { return End('{'); }
  JsonWriter& BeginArray(Layout layout = kAsOptions) { return Begin('[', layout); }
  JsonWriter& EndArray() { return End('['); }

  // The name of the next value; inside objects only.
  JsonWriter& Key(std::string_view key);

  JsonWriter& Value(std::string_view value);
  JsonWriter& Value(const char* value) { return Value(std::string_view(value)); }
  JsonWriter& Value(const std::string& value) { return Value(std::string_view(value)); }
  JsonWriter& Value(bool value);
  JsonWriter& Value(double value);
  JsonWriter& Value(float value);
  template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
  JsonWriter& Value(Integer value) {
    if constexpr (std::is_signed_v<Integer>) return Signed(value);
    return Unsigned(value);
  }
  JsonWriter& Null();
  // A value that is JSON already.
  JsonWriter& Raw(std::string_view json);

  template <typename T>
  JsonWriter& Member(std::string_view key, const T& value) {
    return Key(key).Value(value);
  }

  // Ends the text: all that was begun has been ended, and something was written. With `indent`, a last line break.
  void Finish();

 private:
  struct Open {
    char kind;  // '{' or '['
    bool one_line;
    bool empty = true;
  };

  JsonWriter& Begin(char kind, Layout layout);
  JsonWriter& End(char kind);
  JsonWriter& Signed(int64_t value);
  JsonWriter& Unsigned(uint64_t value);
  // What stands between the value before and this one.
  void BeforeValue();
  void Separate();
  void NewLine(size_t depth);
  void Quote(std::string_view text);

  std::string* text_;
  Options options_;
  std::vector<Open> open_;
  bool after_key_ = false;
  bool done_ = false;
};

}  // namespace base

#endif  // BASE_JSON_WRITER_H_
