// Whole files: read, written atomically, hashed.
#ifndef BASE_FILES_H_
#define BASE_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace base {

// The whole file. NotFound or PermissionDenied with the path in the message.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// What `errno` says now of a call on the file: "PATH: WHAT: No such file or directory". NotFound, PermissionDenied,
// InvalidArgument (a file where a folder was expected) or Unknown.
absl::Status ErrnoStatus(const std::string& path, const std::string& what);

// Writes through a temporary file in the same folder and a rename: a reader sees the old content or the new one, and a
// killed writer loses nothing that was there.
absl::Status WriteFileAtomically(const std::string& path, const std::string& content);

// Creates a folder and its parents; fine where it exists. InvalidArgument where a file stands in the way.
absl::Status MakeDirectories(const std::string& path);

bool FileExists(const std::string& path);
bool IsDirectory(const std::string& path);

// "a/b" + "c" -> "a/b/c"; an absolute second path stands alone.
std::string JoinPath(const std::string& folder, const std::string& path);

// A relative path as the user meant it: taken from the folder the user stood in when typing `bazel run`
// (BUILD_WORKING_DIRECTORY), else unchanged.
std::string UserPath(const std::string& path);

// SHA-256 as 64 lower-case hexadecimal digits (FIPS 180-4).
std::string Sha256(const std::string& bytes);
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace base

#endif  // BASE_FILES_H_
