// Which check a recording's name asks for.
#ifndef GROUPPOSE_PARITY_KINDS_H_
#define GROUPPOSE_PARITY_KINDS_H_

#include <string>
#include <vector>

#include "grouppose/parity/checks.h"

namespace grouppose::parity {

// A kind is known by how its names begin and by a part that they contain behind that. It is a recording with tensors,
// one JSON file, or something else below the folder.
struct Kind {
  const char* prefix;
  const char* part;
  const char* what;  // is compared
  void (*check)(const Fixture& fixture, Report* report) = nullptr;
  void (*check_table)(const JsonFile& table, Report* report) = nullptr;
  void (*check_file)(const std::string& folder, const std::string& name, Report* report) = nullptr;
};

const std::vector<Kind>& Kinds();

// Null where no kind has such names.
const Kind* FindKind(const std::string& name);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_KINDS_H_
