// The value of --quirks, the same for every subcommand that prints numbers of an evaluation.
#ifndef EVAL_QUIRKS_FLAG_H_
#define EVAL_QUIRKS_FLAG_H_

#include <string>

#include "absl/status/statusor.h"
#include "eval/quirks.h"

namespace eval {

inline constexpr char kQuirksValues[] = "official|corrected";
inline constexpr char kQuirksHelp[] =
    "the official tools' numbers, or those without their faults (docs/evaluation_quirks.md)";

// InvalidArgument for anything but "official" and "corrected".
absl::StatusOr<Quirks> QuirksOfFlag(const std::string& value);

}  // namespace eval

#endif  // EVAL_QUIRKS_FLAG_H_
