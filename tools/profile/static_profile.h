// What the compiler made of CUDA kernels, at two revisions: registers, spills, shared memory, code size, occupancy. It
// is read from the checked-in tables (files *_cuda_profile.csv, which tests hold equal to what the build gives), so
// that neither a GPU nor a compiler is needed.
#ifndef TOOLS_PROFILE_STATIC_PROFILE_H_
#define TOOLS_PROFILE_STATIC_PROFILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/profile/revisions.h"

namespace profile {

// "BackwardKernel<1, float> sm_90" -> column -> number.
using StaticProfile = std::map<std::string, std::map<std::string, int64_t>>;

struct StaticChange {
  std::string kernel;             // with its architecture
  std::string column;             // "registers"; "" where the kernel is new or gone
  int64_t before = 0, after = 0;  // "registers", or 0 and 1 for a new kernel
  bool IsNew() const { return column.empty() && after > before; }
  bool IsGone() const { return column.empty() && after < before; }
};

// Of CSV with a first line of names, `kernel` and `architecture` among them and all others numbers. InvalidArgument
// with `source` and the line where it is something else.
absl::StatusOr<StaticProfile> ParseStaticProfile(const std::string& csv, const std::string& source);

// All tables of a revision.
absl::StatusOr<StaticProfile> ReadStaticProfile(const Repository& repository, const std::string& commit);

// By kernel, in the order of columns' names. A column of one side only is no change.
std::vector<StaticChange> CompareStaticProfiles(const StaticProfile& base, const StaticProfile& head);

// "BackwardKernel<1, float> sm_90: registers 60 -> 72".
std::string StaticChangeText(const StaticChange& change);

}  // namespace profile

#endif  // TOOLS_PROFILE_STATIC_PROFILE_H_
