#include "grouppose/parity/folder.h"

#include <dirent.h>

#include <algorithm>
#include <memory>

namespace grouppose::parity {

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory.get())) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace grouppose::parity
