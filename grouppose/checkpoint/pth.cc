#include "grouppose/checkpoint/pth.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "grouppose/checkpoint/storage.h"
#include "grouppose/checkpoint/zip_archive.h"

namespace grouppose::checkpoint {
namespace {

using Kind = Value::Kind;

constexpr char kZipMark[] = "PK\x03\x04";
constexpr char kPickleMark = '\x80';
// torch/serialization.py: MAGIC_NUMBER, 0x1950a86a20f9469cfc6c, and PROTOCOL_VERSION.
constexpr char kMagicNumber[] = "119547037146038801333356";
constexpr int64_t kProtocolVersion = 1001;

// All tensors together, each as if it had memory of its own: shared heads and expanded views count again. A few times
// the file, and room for the small ones.
constexpr uint64_t kMaxCopies = 8, kMaxSmallBytes = 64 << 20;

absl::Status Refuse(const std::string& place, const std::string& found, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": found ", found, ", expected ", expected));
}

PickleLimits LimitsOf(std::string_view bytes) {
  return {/*max_storage_bytes=*/bytes.size(), /*max_tensor_bytes=*/kMaxCopies * bytes.size() + kMaxSmallBytes};
}

// Of the one entry FOLDER/data.pkl: "FOLDER/".
absl::StatusOr<std::string> FindFolder(const ZipArchive& archive) {
  std::vector<std::string> folders;
  for (const auto& [name, entry] : archive.entries()) {
    const size_t slash = name.find('/');
    if (slash != std::string::npos && name.substr(slash) == "/data.pkl") folders.push_back(name.substr(0, slash + 1));
  }
  if (folders.size() != 1) {
    return Refuse("zip archive", absl::StrCat(folders.size(), " entries NAME/data.pkl"), "one: a file of torch.save");
  }
  if (archive.Find(folders[0] + "constants.pkl") != nullptr) {
    return Refuse("zip archive", "a TorchScript model", "tensors: save its state_dict()");
  }
  return folders[0];
}

// An entry's bytes as they are.
absl::StatusOr<std::string_view> Stored(std::string_view file, const ZipArchive& archive, const std::string& name) {
  const ZipEntry* const entry = archive.Find(name);
  const std::string place = absl::StrCat("zip archive, ", absl::CHexEscape(name.substr(0, 200)));
  if (entry == nullptr) return Refuse(place, "no such entry", "one");
  if (entry->method != 0) {
    return Refuse(place, absl::StrCat("an entry compressed by method ", entry->method),
                  "it stored, as torch.save does: load it in Python and save it again");
  }
  return file.substr(entry->offset, entry->bytes);
}

absl::Status CheckByteOrder(std::string_view file, const ZipArchive& archive, const std::string& folder) {
  // files of torch before 2.1 have no such entry
  if (archive.Find(folder + "byteorder") == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string_view order, Stored(file, archive, folder + "byteorder"));
  if (order == "little") return absl::OkStatus();
  return Refuse("zip archive, byteorder", absl::CHexEscape(std::string(order.substr(0, 20))), "little");
}

// Pickles one behind the other, as the legacy format has them.
class PickleSequence {
 public:
  explicit PickleSequence(std::string_view file) : file_(file) {}

  absl::StatusOr<Pickle> Next(const char* what) {
    absl::StatusOr<Pickle> pickle = ReadPickle(file_.substr(at_), LimitsOf(file_));
    if (!pickle.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " at byte ", at_, ": ", std::string(pickle.status().message())));
    }
    at_ += pickle->size;
    return pickle;
  }
  uint64_t at() const { return at_; }

 private:
  const std::string_view file_;
  uint64_t at_ = 0;
};

// The three pickles in front: magic number, version of the format, what machine it was saved on.
absl::Status CheckLegacyHeader(PickleSequence* pickles) {
  ASSIGN_OR_RETURN(const Pickle magic, pickles->Next("magic number"));
  if (magic.root->kind != Kind::kNumber || magic.root->AsText() != kMagicNumber) {
    return Refuse("magic number", ToText(*magic.root, 60), absl::StrCat(kMagicNumber, ", torch.save's"));
  }
  ASSIGN_OR_RETURN(const Pickle version, pickles->Next("version"));
  if (version.root->kind != Kind::kInt || version.root->AsInt() != kProtocolVersion) {
    return Refuse("version", ToText(*version.root, 60), absl::StrCat(kProtocolVersion));
  }
  ASSIGN_OR_RETURN(const Pickle machine, pickles->Next("machine"));
  const Value* const little = machine.root->Find("little_endian");
  if (little == nullptr || little->kind != Kind::kBool || !little->AsBool()) {
    return Refuse("machine", ToText(*machine.root, 100), "a little-endian one");
  }
  return absl::OkStatus();
}

std::string Key(const StorageRecord& storage) { return absl::CHexEscape(storage.key.substr(0, 100)); }

}  // namespace

bool PthFile::LooksLikeOne(std::string_view bytes) {
  return bytes.substr(0, 4) == kZipMark || (!bytes.empty() && bytes[0] == kPickleMark);
}

absl::StatusOr<PthFile> PthFile::Open(std::shared_ptr<const MappedFile> file) {
  if (!LooksLikeOne(file->bytes())) {
    return Refuse(file->path(),
                  file->bytes().empty()
                      ? "an empty file"
                      : absl::StrCat("'", absl::CHexEscape(std::string(file->bytes().substr(0, 16))), "' at its start"),
                  "a file of torch.save");
  }
  PthFile opened(std::move(file));
  const bool is_zip = opened.file_->bytes().substr(0, 4) == kZipMark;
  absl::Status status = is_zip ? opened.OpenZip() : opened.OpenLegacy();
  if (status.ok()) status = opened.FinishStorages();
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(opened.file_->path(), ": ", std::string(status.message())));
  }
  return opened;
}

absl::Status PthFile::OpenZip() {
  const std::string_view file = file_->bytes();
  ASSIGN_OR_RETURN(const ZipArchive archive, ZipArchive::Open(file));
  ASSIGN_OR_RETURN(const std::string folder, FindFolder(archive));
  RETURN_IF_ERROR(CheckByteOrder(file, archive, folder));
  ASSIGN_OR_RETURN(const std::string_view data, Stored(file, archive, folder + "data.pkl"));
  ASSIGN_OR_RETURN(pickle_, ReadPickle(data, LimitsOf(file)));
  for (const StorageRecord& storage : pickle_.storages) {
    const std::string name = absl::StrCat(folder, "data/", storage.key);
    ASSIGN_OR_RETURN(const std::string_view bytes, Stored(file, archive, name));
    if (bytes.size() != storage.bytes) {
      return Refuse(
          absl::StrCat("zip archive, ", Key(storage)), absl::StrCat(bytes.size(), " bytes"),
          absl::StrCat(storage.bytes, " for ", storage.elements, " elements of ", c10::toString(storage.type)));
    }
    places_.push_back({static_cast<uint64_t>(bytes.data() - file.data())});
  }
  return absl::OkStatus();
}

// Behind the pickled object stands the list of its storages' keys, then the storages in that order: the number of
// elements in 64 bits, then the elements.
absl::Status PthFile::OpenLegacy() {
  const std::string_view file = file_->bytes();
  PickleSequence pickles(file);
  RETURN_IF_ERROR(CheckLegacyHeader(&pickles));
  ASSIGN_OR_RETURN(pickle_, pickles.Next("object"));
  ASSIGN_OR_RETURN(const Pickle keys, pickles.Next("list of storages"));
  if (keys.root->kind != Kind::kList || keys.root->AsItems().size() != pickle_.storages.size()) {
    return Refuse("list of storages", ToText(*keys.root, 100), absl::StrCat(pickle_.storages.size(), " keys"));
  }
  std::unordered_map<std::string, size_t> index;
  for (size_t i = 0; i < pickle_.storages.size(); ++i) index[pickle_.storages[i].key] = i;

  places_.resize(pickle_.storages.size());
  uint64_t at = pickles.at();
  for (const Value* key : keys.root->AsItems()) {
    const auto found = key->kind == Kind::kString ? index.find(key->AsText()) : index.end();
    if (found == index.end()) return Refuse("list of storages", ToText(*key, 100), "each storage of a tensor once");
    const StorageRecord& storage = pickle_.storages[found->second];
    places_[found->second].offset = at + sizeof(int64_t);
    index.erase(found);
    const uint64_t needed = sizeof(int64_t) + storage.bytes;
    if (needed > file.size() - at) {
      return Refuse(absl::StrCat("storage ", Key(storage)), absl::StrCat(file.size() - at, " bytes"),
                    absl::StrCat(needed, ": the file is cut short"));
    }
    uint64_t elements = 0;
    for (size_t i = 0; i < sizeof(int64_t); ++i) {
      elements |= uint64_t{static_cast<unsigned char>(file[at + i])} << (8 * i);
    }
    if (elements != static_cast<uint64_t>(storage.elements)) {
      return Refuse(absl::StrCat("storage ", Key(storage)), absl::StrCat(elements, " elements"),
                    absl::StrCat(storage.elements));
    }
    at += needed;
  }
  return absl::OkStatus();
}

absl::Status PthFile::FinishStorages() {
  storages_.resize(places_.size());
  std::vector<bool> has_bools(places_.size());
  for (const TensorRecord& tensor : pickle_.tensors) {
    Place& place = places_[tensor.storage];
    place.alignment = std::max<uint64_t>(place.alignment, c10::elementSize(tensor.type));
    if (tensor.type == c10::ScalarType::Bool) has_bools[tensor.storage] = true;
  }
  for (size_t i = 0; i < places_.size(); ++i) {
    if (!has_bools[i]) continue;
    const StorageRecord& storage = pickle_.storages[i];
    const std::optional<uint64_t> wrong =
        FirstByteThatIsNoBool(file_->bytes().substr(places_[i].offset, storage.bytes));
    if (wrong.has_value()) {
      return Refuse(absl::StrCat("storage ", Key(storage)), absl::StrCat("another byte at index ", *wrong),
                    "0 or 1 in a bool");
    }
  }
  return absl::OkStatus();
}

at::Tensor PthFile::Tensor(const Value& value) {
  const TensorRecord& tensor = Record(value);
  std::optional<c10::Storage>& storage = storages_[tensor.storage];
  if (!storage.has_value()) {
    const Place& place = places_[tensor.storage];
    storage = StorageAt(file_, place.offset, pickle_.storages[tensor.storage].bytes, place.alignment);
  }
  return TensorOn(*storage, tensor.type, tensor.offset, tensor.sizes, tensor.strides);
}

}  // namespace grouppose::checkpoint
