#include "eval/quirks_flag.h"

#include "absl/strings/str_cat.h"

namespace eval {

absl::StatusOr<Quirks> QuirksOfFlag(const std::string& value) {
  if (value == "official") return OfficialQuirks();
  if (value == "corrected") return CorrectedQuirks();
  return absl::InvalidArgumentError(absl::StrCat("--quirks: expected official or corrected, found '", value, "'"));
}

}  // namespace eval
