// Benchmark programs of a revision: built in a work tree of their own, kept with the libraries they load.
//
//   ProgramStore store(folder);
//   BazelBuilder builder(&repository, &store, folder, {"//ops/..."});
//   ASSIGN_OR_RETURN(const std::vector<Program> programs, builder.Build(revision));
//
// A program is a cc_binary whose name ends in _benchmark, on Google Benchmark. Its digest covers the program and every
// shared library outside the system that it loads: two revisions with one digest run the same code.
#ifndef TOOLS_PROFILE_PROGRAMS_H_
#define TOOLS_PROFILE_PROGRAMS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/profile/revisions.h"

namespace profile {

struct Program {
  std::string label;   // "//ops/ms_deform_attn:ms_deform_attn_benchmark"
  std::string digest;  // SHA-256
  std::string path;    // of the kept copy
  // How to run it: where its libraries are.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
};

// Files by content, under one folder: programs/DIGEST/{program,lib/...}. Libraries are linked, not copied, where the
// file system allows.
class ProgramStore {
 public:
  explicit ProgramStore(std::string folder) : folder_(std::move(folder)) {}

  // Copies a program and what it loads. NotFound where the program or a library is missing.
  absl::StatusOr<Program> Keep(const std::string& label, const std::string& path);

 private:
  absl::StatusOr<std::string> DigestOfLibrary(const std::string& path);

  std::string folder_;
  std::map<std::string, std::string> library_digests_;  // by path, size and time
};

// Something that makes the programs of a revision; tests have their own.
class Builder {
 public:
  virtual ~Builder() = default;
  // By label. FailedPrecondition where the revision does not build, with the place of the log.
  virtual absl::StatusOr<std::vector<Program>> Build(const Revision& revision) = 0;
};

class BazelBuilder : public Builder {
 public:
  // `folder` holds the work tree (reused for every revision, and with it Bazel's output folder) and the build's log.
  // `targets` are Bazel's patterns of what to search for benchmarks.
  BazelBuilder(const Repository* repository, ProgramStore* store, const std::string& folder,
               std::vector<std::string> targets);

  absl::StatusOr<std::vector<Program>> Build(const Revision& revision) override;

 private:
  absl::StatusOr<std::string> Bazel(std::vector<std::string> arguments, bool to_log);

  const Repository* repository_;
  ProgramStore* store_;
  std::string work_tree_, log_;
  std::vector<std::string> targets_;
  std::map<std::string, std::vector<Program>> built_;  // by commit
};

}  // namespace profile

#endif  // TOOLS_PROFILE_PROGRAMS_H_
