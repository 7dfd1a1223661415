#include "tools/profile/static_profile.h"

#include <gtest/gtest.h>

namespace profile {
namespace {

constexpr char kBase[] =
    "kernel,architecture,registers,code_bytes\n"
    "\"Forward<4, float>\",sm_80,40,1000\n"
    "\"Forward<4, float>\",sm_90,42,1200\n"
    "Gone,sm_90,1,2\n";
constexpr char kHead[] =
    "kernel,architecture,registers,code_bytes,warps\r\n"
    "\"Forward<4, float>\",sm_80,40,1000,8\r\n"
    "\"Forward<4, float>\",sm_90,64,1100,8\r\n"
    "\"New<\"\"x\"\">\",sm_90,1,2,8\r\n";

TEST(StaticProfile, NamesWhatChanged) {
  const auto base = ParseStaticProfile(kBase, "a.csv"), head = ParseStaticProfile(kHead, "a.csv");
  ASSERT_TRUE(base.ok()) << base.status();
  ASSERT_TRUE(head.ok()) << head.status();
  std::vector<std::string> texts;
  for (const StaticChange& change : CompareStaticProfiles(*base, *head)) texts.push_back(StaticChangeText(change));
  EXPECT_EQ(texts, (std::vector<std::string>{"Forward<4, float> sm_90: code_bytes 1200 -> 1100",
                                             "Forward<4, float> sm_90: registers 42 -> 64", "Gone sm_90: gone",
                                             "New<\"x\"> sm_90: new"}));
  EXPECT_TRUE(CompareStaticProfiles(*head, *head).empty());
}

TEST(StaticProfile, RefusesOtherTables) {
  EXPECT_EQ(ParseStaticProfile("kernel,registers\n", "a.csv").status().message(),
            "a.csv: line 1: expected a column architecture");
  EXPECT_EQ(ParseStaticProfile("kernel,architecture,registers\na,b\n", "a.csv").status().message(),
            "a.csv: line 2: expected 3 fields, found 2");
  EXPECT_EQ(ParseStaticProfile("kernel,architecture,registers\na,b,many\n", "a.csv").status().message(),
            "a.csv: line 2: registers: expected an integer, found 'many'");
  EXPECT_TRUE(ParseStaticProfile("", "a.csv")->empty());
}

}  // namespace
}  // namespace profile
