#include "tools/profile/programs.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "base/status.h"
#include "tools/profile/process.h"

namespace profile {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = "_benchmark";

// Libraries of the system are part of the machine's fingerprint, not of a program.
bool IsOfSystem(const std::string& path) {
  for (const char* folder : {"/lib/", "/lib64/", "/usr/lib/"}) {
    if (absl::StartsWith(path, folder)) return true;
  }
  return false;
}

// Name and path of every library that the program loads from outside the system, by name.
absl::StatusOr<std::map<std::string, std::string>> LibrariesOf(const std::string& program) {
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess({"ldd", program}, {}));
  std::map<std::string, std::string> libraries;
  // a static program loads nothing, and ldd says so with exit code 1
  if (!result.ok()) return libraries;
  for (const absl::string_view line : absl::StrSplit(result.output, '\n')) {
    // "\tlibc10.so => /path/libc10.so (0x...)"
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() < 3 || words[1] != "=>") continue;
    if (words[2] == "not") return absl::NotFoundError(absl::StrCat(program, ": loads ", words[0], ", not found"));
    if (!IsOfSystem(words[2])) libraries[words[0]] = words[2];
  }
  return libraries;
}

absl::Status FileError(const std::string& path, const std::string& what, const std::error_code& error) {
  return absl::UnknownError(absl::StrCat(path, ": ", what, ": ", error.message()));
}

// A hard link, or a copy where that cannot be. Fine where it is there already.
absl::Status LinkOrCopy(const std::string& from, const std::string& to) {
  std::error_code error;
  const fs::path real = fs::canonical(from, error);
  if (error) return FileError(from, "cannot be read", error);
  if (base::FileExists(to)) return absl::OkStatus();
  fs::create_hard_link(real, to, error);
  if (!error) return absl::OkStatus();
  fs::copy_file(real, to, error);
  return error ? FileError(to, "cannot be written", error) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ProgramStore::DigestOfLibrary(const std::string& path) {
  struct stat state;
  if (stat(path.c_str(), &state) != 0) return base::ErrnoStatus(path, "cannot be read");
  const std::string key =
      absl::StrCat(path, " ", state.st_size, " ", state.st_mtim.tv_sec, " ", state.st_mtim.tv_nsec, " ", state.st_ino);
  std::string& digest = library_digests_[key];
  if (digest.empty()) {
    ASSIGN_OR_RETURN(digest, base::Sha256OfFile(path));
  }
  return digest;
}

absl::StatusOr<Program> ProgramStore::Keep(const std::string& label, const std::string& path) {
  ASSIGN_OR_RETURN(std::string contents, base::Sha256OfFile(path));
  ASSIGN_OR_RETURN(const auto libraries, LibrariesOf(path));
  for (const auto& [name, library] : libraries) {
    ASSIGN_OR_RETURN(const std::string digest, DigestOfLibrary(library));
    absl::StrAppend(&contents, "\n", name, " ", digest);
  }
  Program program;
  program.label = label;
  program.digest = base::Sha256(contents);
  const std::string folder = base::JoinPath(folder_, program.digest), lib = base::JoinPath(folder, "lib");
  program.path = base::JoinPath(folder, "program");
  program.environment = {{"LD_LIBRARY_PATH", lib}};
  if (base::FileExists(program.path)) return program;

  RETURN_IF_ERROR(base::MakeDirectories(lib));
  for (const auto& [name, library] : libraries) RETURN_IF_ERROR(LinkOrCopy(library, base::JoinPath(lib, name)));
  // the program last: where it is, all is
  std::error_code error;
  const std::string part = absl::StrCat(program.path, ".part");
  fs::copy_file(path, part, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(part, program.path, error);
  if (error) return FileError(program.path, "cannot be written", error);
  return program;
}

BazelBuilder::BazelBuilder(const Repository* repository, ProgramStore* store, const std::string& folder,
                           std::vector<std::string> targets)
    : repository_(repository),
      store_(store),
      work_tree_(base::JoinPath(folder, "tree")),
      log_(base::JoinPath(folder, "build.log")),
      targets_(std::move(targets)) {}

absl::StatusOr<std::string> BazelBuilder::Bazel(std::vector<std::string> arguments, bool to_log) {
  ProcessOptions options;
  options.folder = work_tree_;
  if (to_log) options.log = log_;
  // what `bazel run` tells this program is not for the build that it starts
  options.environment = {{"BUILD_WORKSPACE_DIRECTORY", std::nullopt},
                         {"BUILD_WORKING_DIRECTORY", std::nullopt},
                         {"RUNFILES_DIR", std::nullopt},
                         {"JAVA_RUNFILES", std::nullopt}};
  arguments.insert(arguments.begin(), "./bazelw");
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(arguments, options));
  if (!result.ok()) {
    if (!to_log) return absl::FailedPreconditionError(result.Failure(absl::StrJoin(arguments, " ")).message());
    return absl::FailedPreconditionError(absl::StrCat("does not build; ", log_, " says why"));
  }
  return result.output;
}

absl::StatusOr<std::vector<Program>> BazelBuilder::Build(const Revision& revision) {
  if (const auto known = built_.find(revision.commit); known != built_.end()) return known->second;
  RETURN_IF_ERROR(repository_->CheckOut(revision.commit, work_tree_));
  const std::string query =
      absl::StrCat("filter('", kSuffix, "$', kind('cc_binary rule', ", absl::StrJoin(targets_, " + "), "))");
  ASSIGN_OR_RETURN(const std::string found, Bazel({"query", query, "--output=label", "--noshow_progress"}, false));
  std::vector<std::string> labels = absl::StrSplit(found, '\n', absl::SkipEmpty());
  std::sort(labels.begin(), labels.end());
  std::vector<Program> programs;
  if (labels.empty()) return built_[revision.commit] = programs;

  // of this build alone, however the last one ended
  std::error_code error;
  fs::remove(log_, error);
  std::vector<std::string> build = {"build", "--noshow_progress", "--keep_going"};
  build.insert(build.end(), labels.begin(), labels.end());
  RETURN_IF_ERROR(Bazel(build, true).status());
  ASSIGN_OR_RETURN(const std::string info, Bazel({"info", "bazel-bin", "--noshow_progress"}, false));
  const std::string bin = info.substr(0, info.find('\n'));
  for (const std::string& label : labels) {
    // "//a/b:c" -> a/b/c
    std::string file = label.substr(2);
    std::replace(file.begin(), file.end(), ':', '/');
    ASSIGN_OR_RETURN(programs.emplace_back(), store_->Keep(label, base::JoinPath(bin, file)));
  }
  return built_[revision.commit] = programs;
}

}  // namespace profile
