#include "grouppose/checkpoint/contents.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "grouppose/checkpoint/globals.h"
#include "grouppose/checkpoint/mapped_file.h"
#include "grouppose/checkpoint/pth.h"
#include "grouppose/checkpoint/read_checkpoint.h"
#include "grouppose/checkpoint/safetensors.h"

namespace grouppose::checkpoint {
namespace {

using Kind = Value::Kind;

std::string JsonText(const std::string& text) {
  std::string json;
  base::JsonWriter writer(&json);
  writer.Value(text);
  writer.Finish();
  return json;
}

std::string JsonOf(const Value& value) {
  std::string json;
  base::JsonWriter writer(&json);
  WriteJson(value, &writer);
  writer.Finish();
  return json;
}

// Goes through a pickled object's tree, which is small enough for that (pickle.h).
class Lister {
 public:
  Lister(const PthFile& file, Contents* contents) : file_(file), contents_(contents) {}

  void List(const Value& value, const std::string& name, const std::string& group) {
    if (value.kind == Kind::kTensor) return AddTensor(value, name, group);
    // fields of objects one by one; other data without tensors is one value
    if (value.kind != Kind::kObject && !HasTensors(value) && !name.empty()) {
      contents_->values.emplace_back(name, JsonOf(value));
      return;
    }
    if (value.kind == Kind::kDict || value.kind == Kind::kObject) {
      for (const auto& [key, item] : value.AsPairs()) {
        ListChild(*item, name, key->kind == Kind::kString ? key->AsText() : ToText(*key), group);
      }
    } else if (std::holds_alternative<Value::Items>(value.data)) {
      const Value::Items& items = value.AsItems();
      for (size_t i = 0; i < items.size(); ++i) ListChild(*items[i], name, absl::StrCat(i), group);
    }
  }

 private:
  void ListChild(const Value& value, const std::string& name, const std::string& key, const std::string& group) {
    const bool is_top = name.empty();
    const std::string own_group = is_top && value.kind != Kind::kTensor ? key : group;
    List(value, is_top ? key : absl::StrCat(name, "/", key), own_group);
  }

  static bool HasTensors(const Value& value) {
    if (value.kind == Kind::kTensor) return true;
    if (std::holds_alternative<Value::Items>(value.data)) {
      const Value::Items& items = value.AsItems();
      return std::any_of(items.begin(), items.end(), [](const Value* item) { return HasTensors(*item); });
    }
    if (!std::holds_alternative<Value::Pairs>(value.data)) return false;
    const Value::Pairs& pairs = value.AsPairs();
    return std::any_of(pairs.begin(), pairs.end(), [](const auto& pair) { return HasTensors(*pair.second); });
  }

  void AddTensor(const Value& value, const std::string& name, const std::string& group) {
    const TensorRecord& record = file_.Record(value);
    Contents::Tensor tensor{name, group, DtypeName(record.type), record.sizes};
    tensor.elements = 1;
    for (const int64_t size : record.sizes) tensor.elements *= size;
    tensor.bytes = static_cast<uint64_t>(tensor.elements) * c10::elementSize(record.type);
    contents_->tensors.push_back(std::move(tensor));
  }

  const PthFile& file_;
  Contents* const contents_;
};

absl::Status ListSafetensors(const std::shared_ptr<const MappedFile>& mapped, Contents* contents) {
  ASSIGN_OR_RETURN(const TensorFile file, ReadSafetensors(mapped));
  for (const auto& [name, tensor] : file.tensors) {
    std::string group;
    for (const char* prefix : {kOptimizerPrefix, kAveragePrefix}) {
      if (name.rfind(prefix, 0) == 0) group = std::string(prefix, name.find('.'));
    }
    contents->tensors.push_back({name, group, DtypeName(tensor.scalar_type()), tensor.sizes().vec(), tensor.numel(),
                                 static_cast<uint64_t>(tensor.nbytes())});
  }
  for (const auto& [key, text] : file.metadata) contents->values.emplace_back(key, JsonText(text));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Contents> ListContents(const std::string& path) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  return ListContents(file);
}

absl::StatusOr<Contents> ListContents(const std::shared_ptr<const MappedFile>& file) {
  Contents contents;
  contents.file_bytes = file->bytes().size();
  ASSIGN_OR_RETURN(const FileFormat format, FormatOf(*file));
  contents.format = FormatName(format);
  if (format == FileFormat::kSafetensors) {
    RETURN_IF_ERROR(ListSafetensors(file, &contents));
    return contents;
  }
  ASSIGN_OR_RETURN(const PthFile pth, PthFile::Open(file));
  Lister(pth, &contents).List(pth.root(), "", "");
  return contents;
}

}  // namespace grouppose::checkpoint
