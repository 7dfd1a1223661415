// Every linked scheme has a page, and the page's counts are the scheme's.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "grouppose/attention/scheme.h"

namespace grouppose {
namespace {

// 1234567 -> "1,234,567"
std::string WithCommas(int64_t number) {
  std::string digits = absl::StrCat(number);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
  return digits;
}

std::string ReadPage(const std::string& scheme) {
  const auto page = base::ReadFile("grouppose/attention/" + absl::AsciiStrToLower(scheme) + ".md");
  EXPECT_TRUE(page.ok()) << page.status();
  return page.ok() ? *page : "";
}

TEST(Pages, AllSchemesAreLinked) { EXPECT_EQ(LinkedAttentionSchemes().size(), 9u); }

TEST(Pages, SayPairsAndParameters) {
  constexpr int64_t kInstances = 100, kKeypoints = 17, kHidden = 256, kHeads = 8;
  for (const std::string& name : LinkedAttentionSchemes()) {
    const std::string page = ReadPage(name);
    EXPECT_TRUE(absl::StartsWith(page, absl::StrCat("# ", name, ": "))) << name;
    const auto scheme = (*FindAttentionScheme(name))({kHidden, kHeads, 0});
    int64_t parameters = 0;
    for (const nn::NamedTensor& named : scheme->Parameters()) parameters += named.tensor.numel();
    EXPECT_TRUE(absl::StrContains(page, absl::StrCat("| ", WithCommas(parameters), " at d = 256 |"))) << name;
    const int64_t pairs = scheme->AttentionPairs(kInstances, kKeypoints);
    const std::string said = pairs == 0 ? "| 0 |" : absl::StrCat("; ", WithCommas(pairs), " at N = 100, K = 17 |");
    EXPECT_TRUE(absl::StrContains(page, said)) << name << ": " << said;
  }
}

}  // namespace
}  // namespace grouppose
