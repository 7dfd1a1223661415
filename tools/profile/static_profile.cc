#include "tools/profile/static_profile.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace profile {
namespace {

constexpr char kTables[] = "_cuda_profile.csv";
constexpr char kKernel[] = "kernel", kArchitecture[] = "architecture";

// Fields of one line; a field in double quotes may hold commas, and two quotes for one.
std::vector<std::string> SplitLine(absl::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back().push_back('"');
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else if (line[i] != '\r') {
      fields.back().push_back(line[i]);
    }
  }
  return fields;
}

}  // namespace

absl::StatusOr<StaticProfile> ParseStaticProfile(const std::string& csv, const std::string& source) {
  StaticProfile profile;
  std::vector<std::string> names;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(csv, '\n')) {
    ++number;
    if (line.empty()) continue;
    const auto refuse = [&](const std::string& found) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": line ", number, ": ", found));
    };
    const std::vector<std::string> fields = SplitLine(line);
    if (names.empty()) {
      names = fields;
      for (const char* name : {kKernel, kArchitecture}) {
        if (std::find(names.begin(), names.end(), name) == names.end()) {
          return refuse(absl::StrCat("expected a column ", name));
        }
      }
      continue;
    }
    if (fields.size() != names.size()) {
      return refuse(absl::StrCat("expected ", names.size(), " fields, found ", fields.size()));
    }
    std::string kernel, architecture;
    std::map<std::string, int64_t> numbers;
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == kKernel) {
        kernel = fields[i];
      } else if (names[i] == kArchitecture) {
        architecture = fields[i];
      } else if (!absl::SimpleAtoi(fields[i], &numbers[names[i]])) {
        return refuse(absl::StrCat(names[i], ": expected an integer, found '", fields[i], "'"));
      }
    }
    profile[absl::StrCat(kernel, " ", architecture)] = std::move(numbers);
  }
  return profile;
}

absl::StatusOr<StaticProfile> ReadStaticProfile(const Repository& repository, const std::string& commit) {
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, repository.FilesEndingIn(commit, kTables));
  StaticProfile all;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string csv, repository.Content(commit, path));
    ASSIGN_OR_RETURN(StaticProfile one, ParseStaticProfile(csv, path));
    all.merge(one);
  }
  return all;
}

std::vector<StaticChange> CompareStaticProfiles(const StaticProfile& base, const StaticProfile& head) {
  std::vector<StaticChange> changes;
  StaticProfile all = base;
  all.insert(head.begin(), head.end());
  for (const auto& [kernel, numbers] : all) {
    const auto before = base.find(kernel), after = head.find(kernel);
    if (before == base.end() || after == head.end()) {
      changes.push_back({kernel, "", before != base.end() ? 1 : 0, after != head.end() ? 1 : 0});
      continue;
    }
    for (const auto& [column, number] : before->second) {
      const auto other = after->second.find(column);
      if (other != after->second.end() && other->second != number) {
        changes.push_back({kernel, column, number, other->second});
      }
    }
  }
  return changes;
}

std::string StaticChangeText(const StaticChange& change) {
  if (change.IsNew()) return absl::StrCat(change.kernel, ": new");
  if (change.IsGone()) return absl::StrCat(change.kernel, ": gone");
  return absl::StrCat(change.kernel, ": ", change.column, " ", change.before, " -> ", change.after);
}

}  // namespace profile
