// What a checkpoint holds besides tensors, as plain data: Python's None, numbers, text, containers, and objects whose
// class is a name and whose fields are data.
//
//   const Value* args = root.Find("args");
//   if (args != nullptr && args->kind == Value::Kind::kObject) { ... args->Find("num_queries") ... }
#ifndef GROUPPOSE_CHECKPOINT_VALUE_H_
#define GROUPPOSE_CHECKPOINT_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_writer.h"

namespace grouppose::checkpoint {

struct Value {
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInt,  // fits 64 bits
    kFloat,
    kNumber,  // a longer integer or a complex number, as text
    kString,
    kBytes,
    kList,
    kTuple,
    kSet,
    kDict,
    kObject,   // such as argparse.Namespace
    kTensor,   // an index into the tensors of the file
    kStorage,  // while reading only: an index into the storages of the file
    kName,     // while reading only: a class or function
  };
  using Items = std::vector<const Value*>;
  using Pairs = std::vector<std::pair<const Value*, const Value*>>;  // in file order; of a key twice the last counts

  Kind kind = Kind::kNone;
  std::variant<std::monostate, bool, int64_t, double, std::string, Items, Pairs> data;

  bool AsBool() const { return std::get<bool>(data); }
  int64_t AsInt() const { return std::get<int64_t>(data); }  // kInt, kTensor, kStorage
  double AsFloat() const { return std::get<double>(data); }
  const std::string& AsText() const { return std::get<std::string>(data); }  // kString, kBytes, kNumber, kName
  const Items& AsItems() const { return std::get<Items>(data); }             // kList, kTuple, kSet
  const Pairs& AsPairs() const { return std::get<Pairs>(data); }             // kDict, kObject

  // The value under a key that is text; nullptr where there is none, or this has no keys.
  const Value* Find(std::string_view key) const;
};

// As Python prints it, at most about `max_characters` long ("..." ends what was cut). A tensor is "tensor".
std::string ToText(const Value& value, size_t max_characters = 200);

// The next value of `json`. Tuples and sets become arrays, bytes and long numbers text, tensors null; keys become text.
void WriteJson(const Value& value, base::JsonWriter* json);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_VALUE_H_
