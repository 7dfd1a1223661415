// Named tensors into a module tree.
//
//   ASSIGN_OR_RETURN(TensorFile file, ReadSafetensors(path));
//   RETURN_IF_ERROR(LoadIntoModule(file.tensors, model, {.source = path}));
#ifndef GROUPPOSE_CHECKPOINT_LOAD_H_
#define GROUPPOSE_CHECKPOINT_LOAD_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "grouppose/nn/module.h"

namespace grouppose::checkpoint {

struct LoadOptions {
  // Off: names that only one side has are passed over. Shapes must be equal either way.
  bool strict = true;
  // Where not strict: takes "missing: NAME" and "unexpected: NAME" of all that was passed over.
  std::vector<std::string>* passed_over = nullptr;
  // A name that contains one of these is left alone: neither loaded nor missed nor unexpected.
  std::vector<std::string> ignored;
  // Where the tensors come from; stands in front of a refusal.
  std::string source = "checkpoint";
};

// Copies the tensors into the module's, converting between floating-point types. A tensor that the tree lists under
// several names (shared heads) takes any of them; where several are given they must agree. InvalidArgument lists every
// missing, unexpected and mis-shaped name, and then nothing was changed.
absl::Status LoadIntoModule(const std::map<std::string, at::Tensor>& tensors, const nn::Module& module,
                            const LoadOptions& options = {});

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_LOAD_H_
