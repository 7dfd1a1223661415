#include "tools/profile/revisions.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "base/status.h"
#include "tools/profile/process.h"

namespace profile {
namespace {

constexpr size_t kShortCommit = 10;
// Between the fields of a log line: no subject holds it.
constexpr char kFormat[] = "--format=%H%x00%P%x00%cI%x00%s";

using Variables = std::vector<std::pair<std::string, std::optional<std::string>>>;

// What a hook or a caller set for another repository or another index.
Variables WithoutGitsOwn(Variables variables) {
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}) {
    bool given = false;
    for (const auto& variable : variables) given = given || variable.first == name;
    if (!given) variables.emplace_back(name, std::nullopt);
  }
  return variables;
}

absl::StatusOr<std::string> Git(const std::string& folder, std::vector<std::string> arguments,
                                Variables variables = {}) {
  ProcessOptions options;
  options.folder = folder;
  options.environment = WithoutGitsOwn(std::move(variables));
  arguments.insert(arguments.begin(), "git");
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(arguments, options));
  if (result.ok()) return std::string(absl::StripTrailingAsciiWhitespace(result.output));
  const std::string said = absl::StrCat(result.errors, result.output);
  return absl::InvalidArgumentError(absl::StrCat("git ", arguments[1], ": ", said.substr(0, said.find('\n'))));
}

absl::StatusOr<std::vector<Revision>> ParseLog(const std::string& log) {
  std::vector<Revision> revisions;
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\0');
    if (fields.size() < 4) return absl::InternalError(absl::StrCat("git log: expected four fields, found ", line));
    revisions.push_back({fields[0], fields[1].substr(0, fields[1].find(' ')), fields[2], fields[3]});
  }
  return revisions;
}

}  // namespace

std::string Revision::Text() const { return absl::StrCat(commit.substr(0, kShortCommit), " ", subject); }

absl::StatusOr<Repository> Repository::Open(const std::string& folder) {
  ASSIGN_OR_RETURN(std::string root, Git(folder, {"rev-parse", "--show-toplevel"}));
  ASSIGN_OR_RETURN(const std::string git_folder, Git(folder, {"rev-parse", "--git-common-dir"}));
  return Repository(std::move(root), base::JoinPath(folder, git_folder));
}

absl::StatusOr<Revision> Repository::Resolve(const std::string& revision) const {
  if (revision.empty() || revision[0] == '-') {
    return absl::InvalidArgumentError(absl::StrCat("'", revision, "': expected a revision, such as HEAD~1"));
  }
  const auto log = Git(root_, {"log", "-1", kFormat, absl::StrCat(revision, "^{commit}"), "--"});
  if (!log.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("'", revision, "': git knows no such commit in ", root_));
  }
  ASSIGN_OR_RETURN(std::vector<Revision> revisions, ParseLog(*log));
  return std::move(revisions.at(0));
}

absl::StatusOr<std::vector<Revision>> Repository::Range(const std::string& first, const std::string& last) const {
  ASSIGN_OR_RETURN(const Revision from, Resolve(first));
  ASSIGN_OR_RETURN(const Revision to, Resolve(last));
  ASSIGN_OR_RETURN(const std::string log, Git(root_, {"log", "--first-parent", "--reverse", kFormat,
                                                      absl::StrCat(from.commit, "..", to.commit), "--"}));
  ASSIGN_OR_RETURN(std::vector<Revision> revisions, ParseLog(log));
  if (revisions.empty() || revisions[0].parent != from.commit) {
    return absl::InvalidArgumentError(absl::StrCat(first, "..", last, ": expected a commit and a later one along ",
                                                   "first parents; ", from.Text(), " is not before ", to.Text()));
  }
  return revisions;
}

absl::StatusOr<Revision> Repository::WorkTree() const {
  ASSIGN_OR_RETURN(const Revision head, Resolve("HEAD"));
  // an index of its own, so that the user's stays as it is
  const std::string index = base::JoinPath(git_folder_, absl::StrCat("profile_index.", getpid()));
  const Variables with_index = {{"GIT_INDEX_FILE", index}};
  const auto tree = [&]() -> absl::StatusOr<std::string> {
    RETURN_IF_ERROR(Git(root_, {"read-tree", "HEAD"}, with_index).status());
    RETURN_IF_ERROR(Git(root_, {"add", "--all"}, with_index).status());
    return Git(root_, {"write-tree"}, with_index);
  }();
  std::remove(index.c_str());
  RETURN_IF_ERROR(tree.status());
  ASSIGN_OR_RETURN(const std::string tree_of_head, Git(root_, {"rev-parse", "HEAD^{tree}"}));
  if (*tree == tree_of_head) return head;
  // name and date of the parent: what the commit is called depends on the content alone
  const Variables author = {{"GIT_AUTHOR_NAME", "work tree"}, {"GIT_AUTHOR_EMAIL", ""},
                            {"GIT_AUTHOR_DATE", head.date},   {"GIT_COMMITTER_NAME", "work tree"},
                            {"GIT_COMMITTER_EMAIL", ""},      {"GIT_COMMITTER_DATE", head.date}};
  ASSIGN_OR_RETURN(const std::string commit,
                   Git(root_, {"commit-tree", *tree, "-p", "HEAD", "-m", "(the work tree)"}, author));
  return Resolve(commit);
}

absl::StatusOr<std::vector<std::string>> Repository::FilesEndingIn(const std::string& commit,
                                                                   const std::string& suffix) const {
  ASSIGN_OR_RETURN(const std::string listing, Git(root_, {"ls-tree", "-r", "-z", "--name-only", commit}));
  std::vector<std::string> paths;
  for (const absl::string_view path : absl::StrSplit(listing, '\0', absl::SkipEmpty())) {
    if (absl::EndsWith(path, suffix)) paths.emplace_back(path);
  }
  return paths;
}

absl::StatusOr<std::string> Repository::Content(const std::string& commit, const std::string& path) const {
  return Git(root_, {"show", absl::StrCat(commit, ":", path)});
}

absl::Status Repository::CheckOut(const std::string& commit, const std::string& folder) const {
  // a folder that was deleted by hand is still a work tree to git
  if (!base::FileExists(base::JoinPath(folder, ".git"))) {
    RETURN_IF_ERROR(Git(root_, {"worktree", "prune"}).status());
    return Git(root_, {"worktree", "add", "--force", "--detach", folder, commit}).status();
  }
  RETURN_IF_ERROR(Git(folder, {"checkout", "--quiet", "--force", "--detach", commit}).status());
  return Git(folder, {"clean", "-fdxq"}).status();
}

}  // namespace profile
