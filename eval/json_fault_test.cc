#include "eval/json_fault.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eval {
namespace {

TEST(JsonFault, SoundTextsHaveNone) {
  for (const char* json : {"[]", " {} \n", "{\"a\":[1,-2.5e+3,{\"b\":null}],\"c\":\"\\u00e9 \\n\xc3\xa9\"}", "true",
                           "[0,-0,0.5,1e5,NaN,Infinity,-Infinity]", "[[],{},[{}],\"\"]", "\"\xf0\x9f\x98\x80\""}) {
    EXPECT_FALSE(FindJsonFault(json).has_value()) << json << ": " << FindJsonFault(json)->reason;
  }
}

struct Broken {
  std::string json;
  size_t offset;
  std::string reason;
};

class JsonFaultTest : public ::testing::TestWithParam<Broken> {};

TEST_P(JsonFaultTest, SaysWhereAndWhy) {
  const auto fault = FindJsonFault(GetParam().json);
  ASSERT_TRUE(fault.has_value()) << GetParam().json;
  EXPECT_EQ(fault->offset, GetParam().offset) << GetParam().json;
  EXPECT_EQ(fault->reason, GetParam().reason) << GetParam().json;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, JsonFaultTest,
    ::testing::Values(
        Broken{"", 0, "expected a value, found the end of the file"},
        Broken{"[1,2", 4, "expected ',' or ']', found the end of the file"},
        Broken{"[1,,2]", 3, "expected a value, found ','"}, Broken{"[1,]", 3, "expected a value, found ']'"},
        Broken{"{\"a\":1 \"b\":2}", 7, "expected ',' or '}', found '\"'"},
        Broken{"{\"a\" 1}", 5, "expected ':' after a key, found '1'"},
        Broken{"{a:1}", 1, "expected a key in double quotes, found 'a'"},
        Broken{"{\"a\":1,}", 7, "expected a key in double quotes, found '}'"},
        Broken{"[1}", 2, "expected ',' or ']', found '}'"},
        Broken{"[] []", 3, "expected the end of the file, found '['"},
        Broken{"[01]", 2, "expected no digit after a leading zero, found '1'"},
        Broken{"[1.]", 3, "expected a digit, found ']'"}, Broken{"[1e+]", 4, "expected a digit, found ']'"},
        Broken{"[-]", 2, "expected a digit, found ']'"},
        Broken{"[\"ab", 4, "expected the closing '\"' of a string, found the end of the file"},
        Broken{"[\"a\nb\"]", 3, "expected an escape instead of a control character in a string, found byte 0x0a"},
        Broken{"[\"\\x\"]", 3, "expected one of \" \\ / b f n r t u after a backslash, found 'x'"},
        Broken{"[\"\\u12g4\"]", 6, "expected four hexadecimal digits after \\u, found 'g'"},
        Broken{"[\"\xff\"]", 2, "expected UTF-8, found byte 0xff"},
        Broken{"[\"\xe0\x80\x80\"]", 3, "expected the rest of a UTF-8 character, found byte 0x80"},
        Broken{"\xef\xbb\xbf[]", 0, "expected a value, found byte 0xef"}));

TEST(JsonFault, EveryTruncationOfASoundTextIsFound) {
  const std::string json = "{\"images\": [{\"id\": 12, \"name\": \"\\u00e9\xc3\xa9\"}], \"x\": [-1.5e-3, null, true]}";
  ASSERT_FALSE(FindJsonFault(json).has_value());
  for (size_t size = 0; size < json.size(); ++size) {
    const auto fault = FindJsonFault(json.substr(0, size));
    ASSERT_TRUE(fault.has_value()) << json.substr(0, size);
    EXPECT_LE(fault->offset, size);
  }
}

TEST(JsonFault, DeepNestingDoesNotExhaustTheStack) {
  EXPECT_TRUE(FindJsonFault(std::string(3000000, '[')).has_value());
}

}  // namespace
}  // namespace eval
