#include "grouppose/checkpoint/read_checkpoint.h"

#include <simdjson.h>

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "grouppose/checkpoint/mapped_file.h"
#include "grouppose/checkpoint/pth.h"
#include "grouppose/checkpoint/safetensors.h"

namespace grouppose::checkpoint {
namespace {

using Kind = Value::Kind;

// Of DistributedDataParallel.
constexpr char kModulePrefix[] = "module.";
// Where state dicts are looked for, in this order.
constexpr const char* kStateDictKeys[] = {"model", "state_dict"};
// What a message lists of a file's keys.
constexpr size_t kMaxListed = 20;

absl::Status Refuse(const std::string& path, const std::string& found, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": found ", found, ", expected ", expected));
}

std::string KeyText(const Value& key) {
  return key.kind == Kind::kString ? absl::Utf8SafeCEscape(key.AsText().substr(0, 100)) : ToText(key, 100);
}

// "keys: a, b, c" of a dict.
std::string KeysOf(const Value& dict) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : dict.AsPairs()) {
    if (keys.size() == kMaxListed) {
      keys.push_back("...");
      break;
    }
    keys.push_back(KeyText(*key));
  }
  return absl::StrCat("the keys ", absl::StrJoin(keys, ", "));
}

bool HasOnlyTensors(const Value& value) {
  return value.kind == Kind::kDict && !value.AsPairs().empty() &&
         std::all_of(value.AsPairs().begin(), value.AsPairs().end(),
                     [](const auto& pair) { return pair.second->kind == Kind::kTensor; });
}

// The state dict to take, and the key that it is under.
absl::StatusOr<std::pair<const Value*, std::string>> ChooseStateDict(const std::string& path, const Value& root,
                                                                     const std::string& wanted) {
  using Choice = std::pair<const Value*, std::string>;
  if (root.kind != Kind::kDict) return Refuse(path, ToText(root, 60), "a dict of tensors");
  if (!wanted.empty()) {
    const Value* const value = root.Find(wanted);
    if (value == nullptr || value->kind != Kind::kDict)
      return Refuse(path, KeysOf(root), absl::StrCat("'", wanted, "'"));
    return Choice(value, wanted);
  }
  for (const char* key : kStateDictKeys) {
    const Value* const value = root.Find(key);
    if (value != nullptr && value->kind == Kind::kDict) return Choice(value, key);
  }
  if (HasOnlyTensors(root)) return Choice(&root, "");
  return Refuse(path, root.AsPairs().empty() ? "an empty dict" : KeysOf(root),
                absl::StrCat("a state dict under '", absl::StrJoin(kStateDictKeys, "' or '"), "', or one by itself"));
}

absl::Status TakeTensors(const Value& state_dict, PthFile* file, Checkpoint* checkpoint) {
  const std::string source = checkpoint->Source();
  std::unordered_map<std::string, bool> seen;  // name -> whether it had the prefix
  for (const auto& [key, value] : state_dict.AsPairs()) {
    if (key->kind != Kind::kString) return Refuse(source, absl::StrCat("the key ", KeyText(*key)), "names");
    if (value->kind != Kind::kTensor) {
      return Refuse(source, absl::StrCat(ToText(*value, 60), " at '", KeyText(*key), "'"), "a tensor");
    }
    const std::string name(absl::StripPrefix(key->AsText(), kModulePrefix));
    const bool is_prefixed = name.size() != key->AsText().size();
    if (seen.emplace(name, is_prefixed).first->second != is_prefixed) {
      return Refuse(source, absl::StrCat("a tensor with and without '", kModulePrefix, "' in front of ", KeyText(*key)),
                    "one of the two");
    }
    checkpoint->tensors[name] = file->Tensor(*value);
  }
  return absl::OkStatus();
}

std::string JsonOf(const Value& value) {
  std::string text;
  base::JsonWriter json(&text);
  WriteJson(value, &json);
  json.Finish();
  return text;
}

absl::Status TakePth(const std::shared_ptr<const MappedFile>& mapped, const ReadOptions& options,
                     Checkpoint* checkpoint) {
  ASSIGN_OR_RETURN(PthFile file, PthFile::Open(mapped));
  ASSIGN_OR_RETURN(const auto choice, ChooseStateDict(checkpoint->path, file.root(), options.weights));
  checkpoint->taken = choice.second;
  RETURN_IF_ERROR(TakeTensors(*choice.first, &file, checkpoint));
  if (checkpoint->taken.empty()) return absl::OkStatus();
  for (const auto& [key, value] : file.root().AsPairs()) {
    if (KeyText(*key) != checkpoint->taken) checkpoint->left_out.push_back(KeyText(*key));
  }
  const Value* const arguments = file.root().Find("args");
  if (arguments == nullptr || (arguments->kind != Kind::kObject && arguments->kind != Kind::kDict)) {
    return absl::OkStatus();
  }
  for (const auto& [key, value] : arguments->AsPairs()) checkpoint->arguments[KeyText(*key)] = JsonOf(*value);
  return absl::OkStatus();
}

// The fields of a JSON object, each as JSON; nothing where it is none.
std::map<std::string, std::string> FieldsOf(const std::string& json) {
  std::map<std::string, std::string> fields;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(json).get(object)) return fields;
  for (const auto [key, value] : object) fields[std::string(key)] = simdjson::minify(value);
  return fields;
}

absl::Status TakeSafetensors(const std::shared_ptr<const MappedFile>& mapped, const ReadOptions& options,
                             Checkpoint* checkpoint) {
  if (!options.weights.empty()) {
    return Refuse(checkpoint->path, "a safetensors file", absl::StrCat("a .pth file that has '", options.weights, "'"));
  }
  ASSIGN_OR_RETURN(TensorFile file, ReadSafetensors(mapped));
  checkpoint->metadata = std::move(file.metadata);
  std::set<std::string> left_out;
  for (auto& [name, tensor] : file.tensors) {
    bool is_weight = true;
    for (const char* prefix : {kOptimizerPrefix, kAveragePrefix}) {
      if (!absl::StartsWith(name, prefix)) continue;
      is_weight = false;
      left_out.insert(prefix);
    }
    if (is_weight) checkpoint->tensors[std::string(absl::StripPrefix(name, kModulePrefix))] = std::move(tensor);
  }
  checkpoint->left_out.assign(left_out.begin(), left_out.end());
  const auto arguments = checkpoint->metadata.find(kArgumentsKey);
  if (arguments != checkpoint->metadata.end()) checkpoint->arguments = FieldsOf(arguments->second);
  return absl::OkStatus();
}

// Its JSON begins behind eight bytes of length.
bool LooksLikeSafetensors(std::string_view bytes) { return bytes.size() > 8 && bytes[8] == '{'; }

}  // namespace

std::string Checkpoint::Source() const { return taken.empty() ? path : absl::StrCat(path, ", '", taken, "'"); }

std::string FormatName(FileFormat format) {
  switch (format) {
    case FileFormat::kSafetensors:
      return "safetensors";
    case FileFormat::kZip:
      return "torch.save (zip)";
    case FileFormat::kLegacy:
      return "torch.save (legacy)";
  }
  return "";
}

absl::StatusOr<FileFormat> FormatOf(const MappedFile& file) {
  // first, for a length may begin as a pickle or an archive does
  if (LooksLikeSafetensors(file.bytes())) return FileFormat::kSafetensors;
  if (PthFile::LooksLikeOne(file.bytes())) return file.bytes()[0] == 'P' ? FileFormat::kZip : FileFormat::kLegacy;
  const std::string start = absl::CHexEscape(std::string(file.bytes().substr(0, 16)));
  return Refuse(file.path(), start.empty() ? "an empty file" : absl::StrCat("'", start, "' at its start"),
                "a safetensors file or a .pth file of torch.save");
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path, const ReadOptions& options) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  return ReadCheckpoint(file, options);
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::shared_ptr<const MappedFile>& file, const ReadOptions& options) {
  Checkpoint checkpoint;
  checkpoint.path = file->path();
  ASSIGN_OR_RETURN(checkpoint.format, FormatOf(*file));
  if (checkpoint.format == FileFormat::kSafetensors) {
    RETURN_IF_ERROR(TakeSafetensors(file, options, &checkpoint));
  } else {
    RETURN_IF_ERROR(TakePth(file, options, &checkpoint));
  }
  return checkpoint;
}

}  // namespace grouppose::checkpoint
