#include "eval/workspace_commit.h"

#include <cstdio>
#include <cstdlib>

namespace eval {
namespace {

// What a shell command prints; nothing where it fails.
std::optional<std::string> OutputOf(const char* command) {
  FILE* pipe = popen(command, "r");
  if (pipe == nullptr) return std::nullopt;
  std::string output;
  char buffer[4096];
  for (size_t size; (size = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) output.append(buffer, size);
  if (pclose(pipe) != 0) return std::nullopt;
  return output;
}

}  // namespace

std::optional<std::string> WorkspaceCommit() {
  if (std::getenv("BUILD_WORKSPACE_DIRECTORY") == nullptr) return std::nullopt;
  // the shell itself puts the folder in: whatever its name is, it stays one word
  std::optional<std::string> commit =
      OutputOf("git -C \"$BUILD_WORKSPACE_DIRECTORY\" rev-parse --short=12 HEAD 2> /dev/null");
  const std::optional<std::string> changes =
      OutputOf("git -C \"$BUILD_WORKSPACE_DIRECTORY\" status --porcelain 2> /dev/null");
  if (!commit.has_value() || !changes.has_value()) return std::nullopt;
  while (!commit->empty() && commit->back() == '\n') commit->pop_back();
  if (!changes->empty()) *commit += " with uncommitted changes";
  return commit;
}

}  // namespace eval
