#include "base/check.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace base {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const CheckError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Check, SaysWhereWhatAndWhy) {
  const int got = 3;
  EXPECT_THAT(MessageOf([&] { GROUPPOSE_CHECK(got == 4, "expected 4, got ", got); }),
              AllOf(HasSubstr("check_test.cc:"), EndsWith(": check failed: got == 4: expected 4, got 3")));
  EXPECT_THAT(MessageOf([] { GROUPPOSE_CHECK(false); }), EndsWith(": check failed: false"));
}

TEST(Check, DoesNothingWhereTheConditionHolds) {
  int evaluated = 0;
  GROUPPOSE_CHECK(++evaluated == 1, "evaluated once");
  EXPECT_EQ(evaluated, 1);
}

// The macro is one statement.
TEST(Check, StandsInABareIf) {
  bool otherwise = false;
  if (false)
    GROUPPOSE_CHECK(false);
  else
    otherwise = true;
  EXPECT_TRUE(otherwise);
}

}  // namespace
}  // namespace base
