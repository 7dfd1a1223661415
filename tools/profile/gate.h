// What stops a merge.
#ifndef TOOLS_PROFILE_GATE_H_
#define TOOLS_PROFILE_GATE_H_

#include <string>
#include <vector>

#include "tools/profile/compare.h"

namespace profile {

// One text a fault: "//ops/x:x_benchmark name: slower, 1.103 [1.094, 1.112]". A kernel that became slower by more than
// `max_slowdown` (a share; judged by the estimate), gives other results, or does not run. `strict`: also one of which
// nothing can be said.
std::vector<std::string> GateFaults(const Comparison& comparison, double max_slowdown, bool strict);

}  // namespace profile

#endif  // TOOLS_PROFILE_GATE_H_
