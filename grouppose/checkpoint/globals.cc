#include "grouppose/checkpoint/globals.h"

#include <unordered_map>

#include "base/check.h"

namespace grouppose::checkpoint {
namespace {

using c10::ScalarType;

struct Named {
  const char* name;
  Global global;
};
constexpr Named kGlobals[] = {
    {"collections OrderedDict", Global::kOrderedDict},
    {"builtins dict", Global::kDict},
    {"__builtin__ dict", Global::kDict},
    {"builtins set", Global::kSet},
    {"__builtin__ set", Global::kSet},
    {"builtins frozenset", Global::kSet},
    {"__builtin__ frozenset", Global::kSet},
    {"builtins bytearray", Global::kByteArray},
    {"__builtin__ bytearray", Global::kByteArray},
    {"builtins complex", Global::kComplex},
    {"__builtin__ complex", Global::kComplex},
    {"_codecs encode", Global::kEncode},
    {"pathlib PosixPath", Global::kPath},
    {"pathlib PurePosixPath", Global::kPath},
    {"pathlib WindowsPath", Global::kPath},
    {"argparse Namespace", Global::kNamespace},
    {"yacs.config CfgNode", Global::kNamespace},
    {"torch Size", Global::kSize},
    {"torch device", Global::kDevice},
    {"torch Tensor", Global::kTensorClass},
    {"torch._tensor Tensor", Global::kTensorClass},
    {"torch.nn.parameter Parameter", Global::kTensorClass},
    {"torch._utils _rebuild_tensor", Global::kRebuildTensor},
    {"torch._utils _rebuild_tensor_v2", Global::kRebuildTensorV2},
    {"torch._utils _rebuild_tensor_v3", Global::kRebuildTensorV3},
    {"torch._utils _rebuild_parameter", Global::kRebuildParameter},
    {"torch._utils _rebuild_parameter_with_state", Global::kRebuildParameterWithState},
    {"torch._tensor _rebuild_from_type_v2", Global::kRebuildFromType},
};

struct Type {
  ScalarType type;
  const char* dtype;
  const char* storage;  // nullptr where torch has no class of its own
};
constexpr Type kTypes[] = {
    {ScalarType::Double, "float64", "DoubleStorage"},
    {ScalarType::Float, "float32", "FloatStorage"},
    {ScalarType::Half, "float16", "HalfStorage"},
    {ScalarType::BFloat16, "bfloat16", "BFloat16Storage"},
    {ScalarType::Long, "int64", "LongStorage"},
    {ScalarType::Int, "int32", "IntStorage"},
    {ScalarType::Short, "int16", "ShortStorage"},
    {ScalarType::Char, "int8", "CharStorage"},
    {ScalarType::Byte, "uint8", "ByteStorage"},
    {ScalarType::Bool, "bool", "BoolStorage"},
    {ScalarType::ComplexFloat, "complex64", "ComplexFloatStorage"},
    {ScalarType::ComplexDouble, "complex128", "ComplexDoubleStorage"},
    {ScalarType::UInt16, "uint16", nullptr},
    {ScalarType::UInt32, "uint32", nullptr},
    {ScalarType::UInt64, "uint64", nullptr},
    {ScalarType::Float8_e4m3fn, "float8_e4m3fn", nullptr},
    {ScalarType::Float8_e5m2, "float8_e5m2", nullptr},
};

struct Entry {
  Global global;
  ScalarType type = ScalarType::Float;
};

const std::unordered_map<std::string, Entry>& Table() {
  static const auto& table = *[] {
    auto* made = new std::unordered_map<std::string, Entry>;
    for (const Named& named : kGlobals) (*made)[named.name] = {named.global};
    for (const Type& type : kTypes) {
      (*made)[std::string("torch ") + type.dtype] = {Global::kDtype, type.type};
      if (type.storage != nullptr) (*made)[std::string("torch ") + type.storage] = {Global::kStorage, type.type};
    }
    // bytes, whatever a tensor makes of them
    for (const char* name : {"torch UntypedStorage", "torch.storage UntypedStorage"}) {
      (*made)[name] = {Global::kStorage, ScalarType::Byte};
    }
    return made;
  }();
  return table;
}

}  // namespace

std::optional<Global> FindGlobal(const std::string& name) {
  const auto found = Table().find(name);
  if (found == Table().end()) return std::nullopt;
  return found->second.global;
}

ScalarType TypeOfGlobal(const std::string& name) {
  const auto found = Table().find(name);
  GROUPPOSE_CHECK(found != Table().end(), name);
  return found->second.type;
}

std::string DtypeName(ScalarType type) {
  for (const Type& known : kTypes) {
    if (known.type == type) return known.dtype;
  }
  return c10::toString(type);
}

std::string StorageClass(ScalarType type) {
  for (const Type& known : kTypes) {
    if (known.type == type && known.storage != nullptr) return known.storage;
  }
  return "";
}

}  // namespace grouppose::checkpoint
