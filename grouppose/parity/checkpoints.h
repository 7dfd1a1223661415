// ckpt/: files of torch.save, with lists of those that must load and those that must be refused (ckpt/index.json).
//
//   ckpt/FILE.pth             against the tensors of the EXPECTED that it belongs to: the one whose meta.files names
//   it,
//                             else the one with the longest stem that FILE begins with, else the one that has all of
//                             FILE's tensors
//   ckpt/NAME.expected        that files belong to it
//   ckpt/pickle_contents      formats and sizes of all of them
#ifndef GROUPPOSE_PARITY_CHECKPOINTS_H_
#define GROUPPOSE_PARITY_CHECKPOINTS_H_

#include <string>
#include <vector>

#include "grouppose/parity/report.h"

namespace grouppose::parity {

// "ckpt/main_zip.pth", "ckpt/main.expected", ...: what lies in FOLDER/ckpt and what its index lists; empty where there
// is no such folder.
std::vector<std::string> CheckpointNames(const std::string& folder);

// `name` is one of these.
void CheckCheckpointFile(const std::string& folder, const std::string& name, Report* report);
void CheckExpectedTensors(const std::string& folder, const std::string& name, Report* report);
void CheckPickleContents(const std::string& folder, const std::string& name, Report* report);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_CHECKPOINTS_H_
