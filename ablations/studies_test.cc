// Every variant of every study here is an experiment, of drawn people and at full scale: nobody finds out after hours
// of training the others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "experiments/experiment.h"

namespace grouppose {
namespace {

// The studies' names with ".experiments", from the BUILD file.
std::vector<std::string> Studies() {
  const char* studies = std::getenv("STUDIES");
  return absl::StrSplit(studies == nullptr ? "" : studies, ' ', absl::SkipEmpty());
}

TEST(Studies, AreAllHere) { EXPECT_GE(Studies().size(), 8u); }

TEST(Studies, HaveVariantsThatResolve) {
  for (const std::string& study : Studies()) {
    const auto text = base::ReadFile(absl::StrCat("ablations/", study, ".tsv"));
    ASSERT_TRUE(text.ok()) << text.status();
    int variants = 0;
    for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
      // variant, experiment, overrides
      const std::vector<std::string> fields = absl::StrSplit(line, '\t');
      ASSERT_GE(fields.size(), 2u) << line;
      const std::vector<std::string> overrides(fields.begin() + 2, fields.end());
      const auto experiment = experiments::LoadExperiment(fields[1], overrides);
      EXPECT_TRUE(experiment.ok()) << study << ", " << fields[0] << ": " << experiment.status();
      ++variants;
    }
    EXPECT_GE(variants, 4) << study << ": two or more, each at both scales";
  }
}

}  // namespace
}  // namespace grouppose
