// Files of a folder.
#ifndef GROUPPOSE_PARITY_FOLDER_H_
#define GROUPPOSE_PARITY_FOLDER_H_

#include <string>
#include <vector>

namespace grouppose::parity {

// Names of its entries, ascending; empty where there is no such folder.
std::vector<std::string> FilesIn(const std::string& folder);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_FOLDER_H_
