#include "grouppose/attention/scheme.h"

#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"

namespace grouppose {
namespace {

// Filled by registrars while static objects are made, so it must exist before the first of them; never destroyed.
std::map<std::string, AttentionSchemeFactory>& Schemes() {
  static auto* schemes = new std::map<std::string, AttentionSchemeFactory>;
  return *schemes;
}

}  // namespace

int64_t AttentionScheme::Flops(int64_t num_instances, int64_t num_keypoints) const {
  int64_t weights = 0, hidden = 0;
  for (const nn::NamedTensor& named : Parameters()) {
    if (named.tensor.dim() != 2) continue;
    weights += named.tensor.numel();
    hidden = named.tensor.size(1);
  }
  // all heads of a pair together compare `hidden` channels, and add as many
  return 2 * weights * num_instances * (num_keypoints + 1) + 4 * hidden * AttentionPairs(num_instances, num_keypoints);
}

AttentionSchemeRegistrar::AttentionSchemeRegistrar(const char* name, AttentionSchemeFactory factory) {
  const bool inserted = Schemes().emplace(name, factory).second;
  GROUPPOSE_CHECK(inserted, "two attention schemes are named ", name);
}

absl::StatusOr<AttentionSchemeFactory> FindAttentionScheme(const std::string& name) {
  const auto found = Schemes().find(name);
  if (found != Schemes().end()) return found->second;
  const std::vector<std::string> linked = LinkedAttentionSchemes();
  return absl::NotFoundError(absl::StrCat("attention scheme ", name, " is not linked into this program; linked: ",
                                          linked.empty() ? "none" : absl::StrJoin(linked, ", ")));
}

std::vector<std::string> LinkedAttentionSchemes() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : Schemes()) names.push_back(name);
  return names;
}

}  // namespace grouppose
