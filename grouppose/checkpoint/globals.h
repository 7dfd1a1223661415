// The globals that a checkpoint's pickle may name: module and name, and what they are to us.
#ifndef GROUPPOSE_CHECKPOINT_GLOBALS_H_
#define GROUPPOSE_CHECKPOINT_GLOBALS_H_

#include <c10/core/ScalarType.h>

#include <optional>
#include <string>

namespace grouppose::checkpoint {

enum class Global {
  kOrderedDict,
  kDict,
  kSet,
  kByteArray,
  kComplex,
  kEncode,  // _codecs.encode: how protocol 2 writes bytes
  kPath,
  kNamespace,
  kSize,
  kDevice,
  kDtype,
  kStorage,
  kTensorClass,
  kRebuildTensor,              // (storage, offset, size, stride)
  kRebuildTensorV2,            // (.., requires_grad, hooks)
  kRebuildTensorV3,            // (.., dtype)
  kRebuildParameter,           // (tensor, requires_grad, hooks)
  kRebuildParameterWithState,  // (.., state)
  kRebuildFromType,            // (function, class, arguments, state)
};

// "torch._utils _rebuild_tensor_v2": module, a space, name. Nothing for what is not known.
std::optional<Global> FindGlobal(const std::string& name);

// Of a kStorage or kDtype.
c10::ScalarType TypeOfGlobal(const std::string& name);

// "float32" for kFloat.
std::string DtypeName(c10::ScalarType type);

// "FloatStorage" for kFloat; "" where torch has no such class.
std::string StorageClass(c10::ScalarType type);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_GLOBALS_H_
