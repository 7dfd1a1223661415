// From absl::Status to what a program prints and returns.
#ifndef BASE_STATUS_H_
#define BASE_STATUS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)        \
  do {                                     \
    ::absl::Status status_ = (expression); \
    if (!status_.ok()) return status_;     \
  } while (false)

#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_(BASE_CONCAT_(result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                              \
  if (!result.ok()) return result.status();                \
  declaration = *std::move(result)
#define BASE_CONCAT_(a, b) BASE_CONCAT_INNER_(a, b)
#define BASE_CONCAT_INNER_(a, b) a##b

namespace base {

// What programs return. kFailed: a gate, a difference or a run failed. kUsage: the command line or an input is wrong.
enum ExitCode : int { kDone = 0, kFailed = 1, kUsage = 2 };

// Ok -> 0. InvalidArgument, NotFound, AlreadyExists, OutOfRange, FailedPrecondition (wrong usage or input) -> 2.
// Everything else -> 1.
int ExitCodeOf(const absl::Status& status);

// Runs a program's body: prints "PROGRAM: message" as one line on stderr for a status that is not ok, and for an
// exception that escapes (exit 1). Returns the exit code.
int RunMain(const std::string& program, const std::function<absl::Status()>& body);

}  // namespace base

#endif  // BASE_STATUS_H_
