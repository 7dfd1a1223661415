#include "grouppose/attention/scheme.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace grouppose {
namespace {

// This program links FULL alone.
TEST(AttentionScheme, OnlyLinkedSchemesAreFound) {
  EXPECT_EQ(LinkedAttentionSchemes(), std::vector<std::string>{"FULL"});
  EXPECT_TRUE(FindAttentionScheme("FULL").ok());
  const absl::Status missing = FindAttentionScheme("GROUP").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "attention scheme GROUP is not linked into this program; linked: FULL");
}

TEST(AttentionScheme, OneNameIsOneScheme) { EXPECT_THROW(AttentionSchemeRegistrar("FULL", nullptr), base::CheckError); }

}  // namespace
}  // namespace grouppose
