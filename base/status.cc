#include "base/status.h"

#include <cstdio>
#include <exception>

namespace base {
namespace {

// An error is one line, whatever was quoted in it.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return kUsage;
    default:
      return kFailed;
  }
}

int RunMain(const std::string& program, const std::function<absl::Status()>& body) {
  std::string message;
  int code = kFailed;
  try {
    const absl::Status status = body();
    if (status.ok()) return kDone;
    message = std::string(status.message());
    code = ExitCodeOf(status);
  } catch (const std::exception& error) {
    message = error.what();
  }
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %s\n", program.c_str(), OneLine(message).c_str());
  return code;
}

}  // namespace base
