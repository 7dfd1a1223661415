// The commit of the workspace that `bazelw run` was started in.
#ifndef EVAL_WORKSPACE_COMMIT_H_
#define EVAL_WORKSPACE_COMMIT_H_

#include <optional>
#include <string>

namespace eval {

// "0123456789ab", and "0123456789ab with uncommitted changes" where the files are not those of the commit. Nothing
// without BUILD_WORKSPACE_DIRECTORY, which Bazel sets, without git, or outside of a repository.
std::optional<std::string> WorkspaceCommit();

}  // namespace eval

#endif  // EVAL_WORKSPACE_COMMIT_H_
