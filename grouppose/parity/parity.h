// This build against a folder of recorded outputs of the official implementation.
//
//   index.json                      [{"name", "file", "bytes", "n_tensors", ...}]
//   NAME.json + NAME.safetensors    a recording (fixture.h)
//   NAME.json                       a table
//   images/, ckpt/                  photos and checkpoints that they name
//
// Every recording is checked, those that the index lists and those that lie there; one of an unknown kind, a broken
// file and a missing field fail that recording, and the others go on. Kinds: kinds.h.
#ifndef GROUPPOSE_PARITY_PARITY_H_
#define GROUPPOSE_PARITY_PARITY_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/parity/report.h"

namespace grouppose::parity {

struct ParityOptions {
  std::string folder;
  std::string filter;  // ECMAScript regular expression; names without a match are skipped. "" takes all
};

struct Outcome {
  std::string name;
  std::string what;  // was compared
  Report report;
};

struct ParityCounts {
  int passed = 0, failed = 0, skipped = 0;
};

struct ParityHooks {
  std::function<void(const std::string& name)> before;
  std::function<void(const Outcome& outcome)> after;
};

// The names in ascending order. NotFound where there is no such folder, InvalidArgument for a filter that is no
// expression or matches nothing and for a folder without recordings.
absl::StatusOr<ParityCounts> RunParity(const ParityOptions& options, const ParityHooks& hooks);

// One recording. Never throws.
Outcome CheckOne(const std::string& folder, const std::string& name);

// "NAME  WHAT, N comparisons  DIFFERENCES  VERDICT"
std::string Line(const Outcome& outcome);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_PARITY_H_
