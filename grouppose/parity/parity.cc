#include "grouppose/parity/parity.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <map>
#include <regex>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "grouppose/parity/checkpoints.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/folder.h"
#include "grouppose/parity/kinds.h"

namespace grouppose::parity {
namespace {

constexpr char kIndex[] = "index.json";

// The first line of what an exception says: LibTorch adds stacks.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// What index.json says of a recording; -1 where it does not say.
struct Listed {
  double bytes = -1, tensors = -1;
  std::string file;
};

// Of recordings; checkpoints have a list of their own. FixtureError where it is broken.
std::map<std::string, Listed> ReadIndex(const std::string& folder) {
  const JsonFile index(base::JoinPath(folder, kIndex));
  simdjson::dom::array entries;
  if (index.root().get(entries)) throw FixtureError(index.path() + ": no array");
  std::map<std::string, Listed> listed;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string entry = absl::StrCat(i, "/");
    const std::string name = index.Text(entry + "name");
    Listed& values = listed[name];
    if (index.Has(entry + "bytes")) values.bytes = index.Number(entry + "bytes");
    if (index.Has(entry + "n_tensors")) values.tensors = index.Number(entry + "n_tensors");
    if (index.Has(entry + "file")) values.file = index.Text(entry + "file");
  }
  return listed;
}

// Those listed and those that lie there, ascending.
absl::StatusOr<std::vector<std::string>> Names(const std::string& folder) {
  std::set<std::string> names;
  try {
    for (const auto& [name, listed] : ReadIndex(folder)) names.insert(name);
  } catch (const FixtureError& error) {
    return absl::InvalidArgumentError(FirstLine(error.what()));
  }
  for (const std::string& file : FilesIn(folder)) {
    for (const char* ending : {".json", ".safetensors"}) {
      if (file != kIndex && absl::EndsWith(file, ending)) {
        names.insert(file.substr(0, file.size() - absl::string_view(ending).size()));
      }
    }
  }
  for (std::string& name : CheckpointNames(folder)) names.insert(std::move(name));
  if (names.empty()) return absl::InvalidArgumentError(absl::StrCat(folder, ": found no recordings"));
  return std::vector<std::string>(names.begin(), names.end());
}

void CompareWithIndex(const std::string& folder, const std::string& name, int64_t tensors, Report* report) {
  const std::map<std::string, Listed> index = ReadIndex(folder);
  const auto found = index.find(name);
  if (found == index.end()) return;
  const Listed& listed = found->second;
  if (listed.tensors >= 0) {
    report->Expect("index.json", static_cast<double>(tensors) == listed.tensors,
                   absl::StrCat(tensors, " tensors, the index says ", listed.tensors));
  }
  if (listed.bytes < 0 || listed.file.empty()) return;
  const auto content = base::ReadFile(base::JoinPath(folder, listed.file));
  const double bytes = content.ok() ? static_cast<double>(content->size()) : -1;
  report->Expect("index.json", bytes == listed.bytes,
                 content.ok() ? absl::StrCat(bytes, " bytes, the index says ", listed.bytes)
                              : std::string(content.status().message()));
}

void CheckKind(const Kind& kind, const std::string& folder, const std::string& name, Report* report) {
  if (kind.check_file != nullptr) return kind.check_file(folder, name, report);
  if (kind.check_table != nullptr) {
    kind.check_table(JsonFile(base::JoinPath(folder, name + ".json")), report);
    return;
  }
  const Fixture fixture(folder, name);
  kind.check(fixture, report);
  const std::vector<std::string> unread = fixture.Unread();
  report->Expect("tensors", unread.empty(),
                 absl::StrCat("nothing of ours was compared with ", absl::StrJoin(unread, ", ")));
  CompareWithIndex(folder, name, static_cast<int64_t>(fixture.tensors().size()), report);
}

}  // namespace

Outcome CheckOne(const std::string& folder, const std::string& name) {
  Outcome outcome;
  outcome.name = name;
  const Kind* kind = FindKind(name);
  if (kind == nullptr) {
    outcome.what = "nothing";
    outcome.report.Fail("kind", "no check for recordings of this name");
    return outcome;
  }
  outcome.what = kind->what;
  try {
    CheckKind(*kind, folder, name, &outcome.report);
  } catch (const c10::Error& error) {
    outcome.report.Fail("stopped", FirstLine(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    outcome.report.Fail("stopped", FirstLine(error.what()));
  }
  return outcome;
}

absl::StatusOr<ParityCounts> RunParity(const ParityOptions& options, const ParityHooks& hooks) {
  if (!base::IsDirectory(options.folder)) {
    return absl::NotFoundError(absl::StrCat(options.folder, ": there is no such folder"));
  }
  std::regex filter;
  try {
    filter = std::regex(options.filter);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--filter=", options.filter, ": no regular expression: ", error.what()));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(options.folder));
  ParityCounts counts;
  for (const std::string& name : names) {
    if (!options.filter.empty() && !std::regex_search(name, filter)) {
      ++counts.skipped;
      continue;
    }
    if (hooks.before) hooks.before(name);
    const Outcome outcome = CheckOne(options.folder, name);
    ++(outcome.report.passed() ? counts.passed : counts.failed);
    if (hooks.after) hooks.after(outcome);
  }
  if (counts.passed + counts.failed == 0) {
    return absl::InvalidArgumentError(absl::StrCat("--filter=", options.filter, ": matches none of the ", names.size(),
                                                   " recordings in ", options.folder));
  }
  return counts;
}

std::string Line(const Outcome& outcome) {
  const size_t count = outcome.report.comparisons().size();
  return absl::StrFormat("%-38s %-62s %-66s %s", outcome.name,
                         absl::StrCat(outcome.what, ", ", count, count == 1 ? " comparison" : " comparisons"),
                         outcome.report.Differences(), outcome.report.Verdict());
}

}  // namespace grouppose::parity
