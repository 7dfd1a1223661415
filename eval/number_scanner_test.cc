#include "eval/number_scanner.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/random.h"

namespace eval {
namespace {

struct Scanned {
  double value = 999;
  int length = -1;  // -1: none
};

// Of a text between other characters, with the padding that a reader gives.
Scanned Scan(const std::string& text, const std::string& behind = ",") {
  std::string padded = text + behind;
  padded.append(kScanPadding, '\0');
  Scanned scanned;
  const char* const end = ScanNumber(padded.data(), &scanned.value);
  if (end != nullptr) scanned.length = static_cast<int>(end - padded.data());
  return scanned;
}

void ExpectExact(const std::string& text) {
  for (const char* behind : {",", "]", " ,", "", "}", "\n"}) {
    const Scanned scanned = Scan(text, behind);
    EXPECT_EQ(scanned.length, text.size()) << text;
    const double expected = std::strtod(text.c_str(), nullptr);
    EXPECT_EQ(scanned.value, expected) << text;
    EXPECT_EQ(std::signbit(scanned.value), std::signbit(expected)) << text;
  }
}

TEST(ScanNumber, EveryShape) {
  for (const char* text : {"0",
                           "-0",
                           "7",
                           "-7",
                           "10",
                           "0.5",
                           "-0.5",
                           "0.0",
                           "123.456",
                           "367.7765197753906",
                           "0.000001",
                           "1e3",
                           "1E-3",
                           "1.5e+10",
                           "123456789012345",
                           "1234567890123456",
                           "12345678901234567890",
                           "9007199254740993",
                           "0.1234567890123",
                           "1234567.12345678",
                           "123456789.1234567",
                           "1.7976931348623157e308",
                           "5e-324",
                           "0.30000000000000004"}) {
    ExpectExact(text);
  }
}

TEST(ScanNumber, RandomNumbersHaveStrtodsBits) {
  base::RandomStream random("numbers", {1});
  for (int i = 0; i < 20000; ++i) {
    const double magnitude = std::exp(random.NextUniform(-30, 30));
    const double value = random.NextBelow(2) == 0 ? magnitude : -magnitude;
    char text[64];
    const int digits = static_cast<int>(random.NextBelow(18));
    const auto format = random.NextBelow(3) == 0 ? std::chars_format::scientific : std::chars_format::fixed;
    const auto [end, error] = std::to_chars(text, text + sizeof(text), value, format, digits);
    ASSERT_EQ(error, std::errc());
    ExpectExact(std::string(text, end));
  }
}

TEST(ScanNumber, EveryPlaceOfThePoint) {
  const std::string digits = "1234567890123456789";
  for (size_t length = 2; length <= digits.size(); ++length) {
    for (size_t point = 1; point < length; ++point) {
      ExpectExact(digits.substr(0, point) + "." + digits.substr(point, length - point));
    }
    ExpectExact(digits.substr(0, length));
  }
}

TEST(ScanNumber, PythonsLiterals) {
  EXPECT_TRUE(std::isnan(Scan("NaN").value));
  EXPECT_EQ(Scan("Infinity").value, HUGE_VAL);
  EXPECT_EQ(Scan("-Infinity").value, -HUGE_VAL);
  EXPECT_EQ(Scan("-Infinity").length, 9);
}

TEST(ScanNumber, RefusesWhatJsonHasNot) {
  for (const char* text : {"", "-", ".5", "-.5", "1.", "01", "-01", "00", "1e", "1e+", "1.e5", "+1", "nan", "-NaN",
                           "Inf", "x", "\"1\"", "1e400", "-1e400"}) {
    EXPECT_EQ(Scan(text).length, -1) << text;
  }
  // what is behind is the caller's to see
  EXPECT_EQ(Scan("1.2.3").length, 3);
  EXPECT_EQ(Scan("12-3").length, 2);
}

}  // namespace
}  // namespace eval
