// Revisions of a git repository, by `git` itself.
//
//   ASSIGN_OR_RETURN(const Repository repository, Repository::Open(folder));
//   ASSIGN_OR_RETURN(const Revision head, repository.Resolve("HEAD"));
//
// What git refuses is InvalidArgument with its own words.
#ifndef TOOLS_PROFILE_REVISIONS_H_
#define TOOLS_PROFILE_REVISIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace profile {

struct Revision {
  std::string commit;   // 40 hexadecimal digits
  std::string parent;   // the first one; "" for a root
  std::string date;     // of the commit, ISO 8601
  std::string subject;  // the message's first line

  // "1f3a5b7c9d subject"
  std::string Text() const;
};

class Repository {
 public:
  // `folder` is anywhere in a work tree.
  static absl::StatusOr<Repository> Open(const std::string& folder);

  // The top of the work tree, and the folder of git's data that all its work trees share.
  const std::string& root() const { return root_; }
  const std::string& git_folder() const { return git_folder_; }

  absl::StatusOr<Revision> Resolve(const std::string& revision) const;
  // The commits after `first` up to `last`, oldest first, along first parents. InvalidArgument where `first` is no
  // ancestor of `last` that way.
  absl::StatusOr<std::vector<Revision>> Range(const std::string& first, const std::string& last) const;
  // A commit, on no branch, of what the work tree holds now: tracked and untracked files that git does not ignore.
  // The same content gives the same commit. HEAD itself where nothing was changed.
  absl::StatusOr<Revision> WorkTree() const;

  // Paths of the commit's files whose names end so, and the content of one.
  absl::StatusOr<std::vector<std::string>> FilesEndingIn(const std::string& commit, const std::string& suffix) const;
  absl::StatusOr<std::string> Content(const std::string& commit, const std::string& path) const;

  // Makes `folder` a work tree with exactly the files of the commit; what was left there from another goes away.
  absl::Status CheckOut(const std::string& commit, const std::string& folder) const;

 private:
  Repository(std::string root, std::string git_folder) : root_(std::move(root)), git_folder_(std::move(git_folder)) {}

  std::string root_, git_folder_;
};

}  // namespace profile

#endif  // TOOLS_PROFILE_REVISIONS_H_
