#include "base/json_writer.h"

#include <limits>

#include "base/check.h"
#include "gtest/gtest.h"

namespace base {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T>
std::string TextOf(const T& value, const JsonWriter::Options& options = {}) {
  std::string text;
  JsonWriter json(&text, options);
  json.Value(value);
  json.Finish();
  return text;
}

void WriteExample(JsonWriter* json) {
  json->BeginObject();
  json->Member("step", 300).Member("ok", true);
  json->Key("none").Null();
  json->Key("AP").BeginArray(JsonWriter::kOneLine).Value(0.1).Value(0.25).BeginObject().Member("a", 1).EndObject();
  json->EndArray();
  json->Key("empty").BeginArray().EndArray();
  json->Key("rows").BeginArray().Value("x").BeginObject().EndObject().EndArray();
  json->EndObject();
  json->Finish();
}

TEST(JsonWriter, WritesOneLine) {
  std::string text = "before ";
  JsonWriter json(&text);
  WriteExample(&json);
  EXPECT_EQ(text, R"(before {"step":300,"ok":true,"none":null,"AP":[0.1,0.25,{"a":1}],"empty":[],"rows":["x",{}]})");
}

TEST(JsonWriter, WritesIndentedLines) {
  std::string text;
  JsonWriter::Options options;
  options.indent = 2;
  JsonWriter json(&text, options);
  WriteExample(&json);
  EXPECT_EQ(text, R"({
  "step": 300,
  "ok": true,
  "none": null,
  "AP": [0.1, 0.25, {"a": 1}],
  "empty": [],
  "rows": [
    "x",
    {}
  ]
}
)");
}

TEST(JsonWriter, NumbersHaveTheFewestDigits) {
  EXPECT_EQ(TextOf(0.1), "0.1");
  EXPECT_EQ(TextOf(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(TextOf(1.0), "1");
  EXPECT_EQ(TextOf(-0.0), "-0");
  EXPECT_EQ(TextOf(1e300), "1e+300");
  EXPECT_EQ(TextOf(5e-324), "5e-324");
  EXPECT_EQ(TextOf(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(TextOf(0.1f), "0.1");
  EXPECT_EQ(TextOf(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(TextOf(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(TextOf(int8_t{-5}), "-5");
  EXPECT_EQ(TextOf(uint8_t{200}), "200");
}

TEST(JsonWriter, NumbersThatAreNoneAreRefusedOrNull) {
  JsonWriter::Options null;
  null.not_finite = JsonWriter::kNull;
  for (double value : {kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(TextOf(value), CheckError);
    EXPECT_EQ(TextOf(value, null), "null");
    EXPECT_EQ(TextOf(static_cast<float>(value), null), "null");
  }
}

TEST(JsonWriter, EscapesText) {
  EXPECT_EQ(TextOf("a\"b\\c/d\n\r\t"), R"("a\"b\\c/d\n\r\t")");
  EXPECT_EQ(TextOf(std::string("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(TextOf("ü 骨 \xF0\x9F\x95\xBA"), "\"ü 骨 \xF0\x9F\x95\xBA\"");
  EXPECT_EQ(TextOf(""), "\"\"");
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(TextOf("\xff"), "\"" + bad + "\"");
  EXPECT_EQ(TextOf("a\xC3"), "\"a" + bad + "\"");                                // cut short
  EXPECT_EQ(TextOf("\xC0\xAF"), "\"" + bad + bad + "\"");                        // overlong
  EXPECT_EQ(TextOf("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"");              // a surrogate
  EXPECT_EQ(TextOf("\xE0\x9F\xBF"), "\"" + bad + bad + bad + "\"");              // overlong
  EXPECT_EQ(TextOf("\xF4\x90\x80\x80x"), "\"" + bad + bad + bad + bad + "x\"");  // above U+10FFFF
  EXPECT_EQ(TextOf("\xE4\xBD\"x"), "\"" + bad + bad + "\\\"x\"");                // the quote is not swallowed
}

TEST(JsonWriter, KeysAreTextToo) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Member("a\"b", "c").EndObject();
  json.Finish();
  EXPECT_EQ(text, R"({"a\"b":"c"})");
}

TEST(JsonWriter, RefusesWhatIsNoJson) {
  const auto fails = [](void (*write)(JsonWriter*)) {
    std::string text;
    JsonWriter json(&text);
    EXPECT_THROW(write(&json), CheckError) << text;
  };
  fails([](JsonWriter* json) { json->Finish(); });
  fails([](JsonWriter* json) { json->Value(1).Value(2); });
  fails([](JsonWriter* json) { json->BeginObject().Value(1); });
  fails([](JsonWriter* json) { json->BeginObject().EndArray(); });
  fails([](JsonWriter* json) { json->BeginObject().Key("a").EndObject(); });
  fails([](JsonWriter* json) { json->BeginObject().Key("a").Key("b"); });
  fails([](JsonWriter* json) { json->BeginArray().Key("a"); });
  fails([](JsonWriter* json) { json->BeginArray().Finish(); });
  fails([](JsonWriter* json) { json->EndObject(); });
  fails([](JsonWriter* json) { json->BeginArray().EndArray().BeginArray(); });
  fails([](JsonWriter* json) { json->Key("a"); });
}

}  // namespace
}  // namespace base
