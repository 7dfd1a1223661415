#include "grouppose/checkpoint/tensor_records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "grouppose/checkpoint/storage.h"

namespace grouppose::checkpoint {
namespace {

using Kind = Value::Kind;

absl::Status Refuse(const std::string& found, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat("found ", found, ", expected ", expected));
}

absl::StatusOr<std::vector<int64_t>> Integers(const Value& value, const char* what) {
  if (value.kind != Kind::kTuple && value.kind != Kind::kList) return Refuse(ToText(value), what);
  if (value.AsItems().size() > kMaxDimensions) {
    return Refuse(absl::StrCat(value.AsItems().size(), " dimensions"), absl::StrCat("at most ", kMaxDimensions));
  }
  std::vector<int64_t> integers;
  for (const Value* item : value.AsItems()) {
    if (item->kind != Kind::kInt || item->AsInt() < 0) return Refuse(ToText(value), what);
    integers.push_back(item->AsInt());
  }
  return integers;
}

std::string Shape(const TensorRecord& tensor) {
  return absl::StrCat("a tensor of shape [", absl::StrJoin(tensor.sizes, ", "), "], strides [",
                      absl::StrJoin(tensor.strides, ", "), "] and offset ", tensor.offset);
}

// Every element lies in the storage, and no product overflows.
absl::Status CheckBounds(const TensorRecord& tensor, const StorageRecord& storage) {
  const auto element = static_cast<int64_t>(c10::elementSize(tensor.type));
  int64_t dense = element, last = tensor.offset;
  bool overflow = false, empty = false;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    // without the zeros: what torch makes of an empty shape must not overflow either
    const int64_t size = std::max<int64_t>(tensor.sizes[i], 1);
    int64_t step = 0;
    overflow |= __builtin_mul_overflow(dense, size, &dense) ||
                __builtin_mul_overflow(size - 1, tensor.strides[i], &step) || __builtin_add_overflow(last, step, &last);
    empty |= tensor.sizes[i] == 0;
  }
  if (overflow) return Refuse(Shape(tensor), "fewer than 2^63 bytes");
  const int64_t elements = static_cast<int64_t>(storage.bytes) / element;
  if (empty ? tensor.offset > elements : last >= elements) {
    return Refuse(Shape(tensor), absl::StrCat("one within the ", elements, " elements of storage '", storage.key, "'"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StorageRecord> StorageOf(const Value& id, uint64_t max_bytes) {
  const char* const expected = "('storage', a torch storage class, key, location, number of elements)";
  if (id.kind != Kind::kTuple) return Refuse(ToText(id), expected);
  const Value::Items& items = id.AsItems();
  if (items.size() < 5 || items.size() > 6) return Refuse(ToText(id), expected);
  const auto is_text = [&](size_t i) { return items[i]->kind == Kind::kString; };
  if (!is_text(0) || items[0]->AsText() != "storage" || items[1]->kind != Kind::kName || !is_text(2) || !is_text(3) ||
      items[4]->kind != Kind::kInt || items[4]->AsInt() < 0) {
    return Refuse(ToText(id), expected);
  }
  if (FindGlobal(items[1]->AsText()) != Global::kStorage) return Refuse(items[1]->AsText(), "a torch storage class");
  if (items.size() == 6 && items[5]->kind != Kind::kNone) {
    return Refuse("a storage that is a view of another", "storages on their own, as torch has saved them since 0.4");
  }
  StorageRecord storage;
  storage.key = items[2]->AsText();
  storage.location = items[3]->AsText();
  storage.type = TypeOfGlobal(items[1]->AsText());
  storage.elements = items[4]->AsInt();
  if (__builtin_mul_overflow(static_cast<uint64_t>(storage.elements), c10::elementSize(storage.type), &storage.bytes) ||
      storage.bytes > max_bytes) {
    return Refuse(absl::StrCat("storage '", storage.key, "' of ", storage.elements, " elements"),
                  absl::StrCat("at most the ", max_bytes, " bytes of the file: is it cut short?"));
  }
  return storage;
}

absl::StatusOr<TensorRecord> TensorOf(Global function, const Value::Items& arguments,
                                      const std::vector<StorageRecord>& storages) {
  const size_t needed = function == Global::kRebuildTensor ? 4 : function == Global::kRebuildTensorV2 ? 6 : 7;
  // one more: metadata of conjugated and negated views, which no weight is
  const size_t allowed = function == Global::kRebuildTensor ? 4 : needed + 1;
  if (arguments.size() < needed || arguments.size() > allowed) {
    return Refuse(absl::StrCat(arguments.size(), " arguments of a tensor"), absl::StrCat(needed));
  }
  if (arguments.size() > needed) {
    const Value& metadata = *arguments.back();
    if (metadata.kind != Kind::kNone && (metadata.kind != Kind::kDict || !metadata.AsPairs().empty())) {
      return Refuse("a tensor with metadata", "none");
    }
  }
  if (arguments[0]->kind != Kind::kStorage) return Refuse(ToText(*arguments[0]), "a storage under a tensor");
  TensorRecord tensor;
  tensor.storage = arguments[0]->AsInt();
  const StorageRecord& storage = storages[tensor.storage];
  tensor.type = storage.type;
  if (function == Global::kRebuildTensorV3) {
    if (arguments[6]->kind != Kind::kName || FindGlobal(arguments[6]->AsText()) != Global::kDtype) {
      return Refuse(ToText(*arguments[6]), "a torch dtype");
    }
    tensor.type = TypeOfGlobal(arguments[6]->AsText());
  }
  if (arguments[1]->kind != Kind::kInt || arguments[1]->AsInt() < 0) {
    return Refuse(absl::StrCat("the storage offset ", ToText(*arguments[1])), "an integer from 0");
  }
  tensor.offset = arguments[1]->AsInt();
  ASSIGN_OR_RETURN(tensor.sizes, Integers(*arguments[2], "sizes: integers from 0"));
  ASSIGN_OR_RETURN(tensor.strides, Integers(*arguments[3], "strides: integers from 0"));
  if (tensor.sizes.size() != tensor.strides.size()) return Refuse(Shape(tensor), "as many strides as sizes");
  if (arguments.size() > 4) {
    if (arguments[4]->kind != Kind::kBool) return Refuse(ToText(*arguments[4]), "requires_grad: a bool");
    tensor.requires_grad = arguments[4]->AsBool();
  }
  RETURN_IF_ERROR(CheckBounds(tensor, storage));
  return tensor;
}

uint64_t DenseBytes(const TensorRecord& tensor) {
  uint64_t bytes = c10::elementSize(tensor.type);
  for (const int64_t size : tensor.sizes) bytes *= static_cast<uint64_t>(size);
  return bytes;
}

}  // namespace grouppose::checkpoint
