#include "base/check.h"

namespace base {

void FailCheck(const char* file, int line, const char* condition, const std::string& message) {
  throw CheckError(
      ConcatForCheck(file, ":", line, ": check failed: ", condition, message.empty() ? "" : ": ", message));
}

}  // namespace base
