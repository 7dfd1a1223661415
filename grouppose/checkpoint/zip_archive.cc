#include "grouppose/checkpoint/zip_archive.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace grouppose::checkpoint {
namespace {

// Sizes of the fixed parts of the format's records.
constexpr uint64_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kDirectoryBytes = 46, kLocalBytes = 30;
constexpr uint64_t kMaxCommentBytes = 65535;
// A checkpoint has an entry a tensor; this many leave a file's directory with tens of megabytes at most.
constexpr uint64_t kMaxEntries = 200'000;

constexpr uint32_t kEndMark = 0x06054b50, kLocatorMark = 0x07064b50, kEnd64Mark = 0x06064b50,
                   kDirectoryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr uint32_t kIn64 = 0xffffffff;  // "see the zip64 field"
constexpr uint16_t kZip64Field = 0x0001;
constexpr uint16_t kEncrypted = 0x0001;  // in the flags

absl::Status Refuse(const std::string& found, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat("zip archive: found ", found, ", expected ", expected));
}

std::string Quoted(std::string_view name) {
  return absl::StrCat("\"", absl::CHexEscape(std::string(name.substr(0, 100))), "\"");
}

// A little-endian number; the caller has checked that it is there.
uint64_t Number(std::string_view bytes, uint64_t offset, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) value |= uint64_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
  return value;
}
uint16_t Number16(std::string_view bytes, uint64_t offset) { return static_cast<uint16_t>(Number(bytes, offset, 2)); }
uint32_t Number32(std::string_view bytes, uint64_t offset) { return static_cast<uint32_t>(Number(bytes, offset, 4)); }
uint64_t Number64(std::string_view bytes, uint64_t offset) { return Number(bytes, offset, 8); }

// Where the central directory lies; it ends at or before `limit`.
struct Directory {
  uint64_t offset = 0, bytes = 0, entries = 0, limit = 0;
};

std::optional<uint64_t> FindEnd(std::string_view bytes) {
  if (bytes.size() < kEndBytes) return std::nullopt;
  const uint64_t last = bytes.size() - kEndBytes;
  const uint64_t first = last - std::min(last, kMaxCommentBytes);
  for (uint64_t at = last + 1; at-- > first;) {
    if (Number32(bytes, at) == kEndMark && at + kEndBytes + Number16(bytes, at + 20) == bytes.size()) return at;
  }
  return std::nullopt;
}

absl::StatusOr<Directory> FindDirectory(std::string_view bytes) {
  const std::optional<uint64_t> end = FindEnd(bytes);
  if (!end.has_value()) return Refuse("no end of the archive", "its directory at the end: the file is cut short");
  Directory directory;
  directory.limit = *end;
  if (Number16(bytes, *end + 4) != 0 || Number16(bytes, *end + 6) != 0) return Refuse("several disks", "one");
  directory.entries = Number16(bytes, *end + 10);
  directory.bytes = Number32(bytes, *end + 12);
  directory.offset = Number32(bytes, *end + 16);
  if (*end >= kLocatorBytes && Number32(bytes, *end - kLocatorBytes) == kLocatorMark) {
    const uint64_t locator = *end - kLocatorBytes;
    const uint64_t end64 = Number64(bytes, locator + 8);
    if (locator < kEnd64Bytes || end64 > locator - kEnd64Bytes || Number32(bytes, end64) != kEnd64Mark) {
      return Refuse("no zip64 end where the archive says it is", "one");
    }
    if (Number32(bytes, end64 + 16) != 0 || Number32(bytes, end64 + 20) != 0) return Refuse("several disks", "one");
    directory.limit = end64;
    directory.entries = Number64(bytes, end64 + 32);
    directory.bytes = Number64(bytes, end64 + 40);
    directory.offset = Number64(bytes, end64 + 48);
  }
  if (directory.offset > directory.limit || directory.bytes > directory.limit - directory.offset) {
    return Refuse(absl::StrCat("a directory of ", directory.bytes, " bytes at ", directory.offset),
                  absl::StrCat("one that ends before byte ", directory.limit));
  }
  if (directory.entries > kMaxEntries) {
    return Refuse(absl::StrCat(directory.entries, " entries"), absl::StrCat("at most ", kMaxEntries));
  }
  return directory;
}

// What the directory says of one entry.
struct Record {
  std::string name;
  ZipEntry entry;
  uint64_t local = 0;  // offset of its local header
};

// Sizes and offset that do not fit 32 bits stand in a field of their own, in this order.
absl::Status ReadZip64(std::string_view extra, Record* record) {
  uint64_t* const numbers[] = {&record->entry.bytes, &record->entry.stored_bytes, &record->local};
  if (std::none_of(std::begin(numbers), std::end(numbers), [](const uint64_t* n) { return *n == kIn64; })) {
    return absl::OkStatus();
  }
  while (extra.size() >= 4) {
    const uint16_t id = Number16(extra, 0), size = Number16(extra, 2);
    if (size > extra.size() - 4) break;
    std::string_view field = extra.substr(4, size);
    extra.remove_prefix(4 + size);
    if (id != kZip64Field) continue;
    for (uint64_t* number : numbers) {
      if (*number != kIn64) continue;
      if (field.size() < 8) return Refuse(absl::StrCat("a short zip64 field of ", Quoted(record->name)), "all of it");
      *number = Number64(field, 0);
      field.remove_prefix(8);
    }
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

// One record of the directory at `*at`, which moves behind it.
absl::StatusOr<Record> ReadRecord(std::string_view bytes, uint64_t limit, uint64_t* at) {
  if (limit - *at < kDirectoryBytes || Number32(bytes, *at) != kDirectoryMark) {
    return Refuse(absl::StrCat("no entry at byte ", *at), "as many as the directory says");
  }
  const uint64_t name_bytes = Number16(bytes, *at + 28), extra_bytes = Number16(bytes, *at + 30),
                 comment_bytes = Number16(bytes, *at + 32);
  if (name_bytes + extra_bytes + comment_bytes > limit - *at - kDirectoryBytes) {
    return Refuse(absl::StrCat("an entry at byte ", *at, " that leaves the directory"), "one within");
  }
  Record record;
  record.name = std::string(bytes.substr(*at + kDirectoryBytes, name_bytes));
  if (Number16(bytes, *at + 8) & kEncrypted) return Refuse(absl::StrCat(Quoted(record.name), " encrypted"), "it plain");
  record.entry.method = Number16(bytes, *at + 10);
  record.entry.stored_bytes = Number32(bytes, *at + 20);
  record.entry.bytes = Number32(bytes, *at + 24);
  record.local = Number32(bytes, *at + 42);
  RETURN_IF_ERROR(ReadZip64(bytes.substr(*at + kDirectoryBytes + name_bytes, extra_bytes), &record));
  *at += kDirectoryBytes + name_bytes + extra_bytes + comment_bytes;
  return record;
}

// Follows a record to its bytes, which lie before the directory.
absl::Status FindBytes(std::string_view bytes, uint64_t directory, Record* record) {
  const std::string name = Quoted(record->name);
  if (directory < kLocalBytes || record->local > directory - kLocalBytes ||
      Number32(bytes, record->local) != kLocalMark) {
    return Refuse(absl::StrCat("no header of ", name, " at byte ", record->local), "one");
  }
  const uint64_t name_bytes = Number16(bytes, record->local + 26), extra_bytes = Number16(bytes, record->local + 28);
  const uint64_t start = record->local + kLocalBytes + name_bytes + extra_bytes;
  if (start > directory || record->entry.stored_bytes > directory - start) {
    return Refuse(absl::StrCat(name, " of ", record->entry.stored_bytes, " bytes at ", start),
                  absl::StrCat("bytes before ", directory, ", where the directory is"));
  }
  if (bytes.substr(record->local + kLocalBytes, name_bytes) != record->name) {
    return Refuse(absl::StrCat("another name than ", name, " in its header"), "the same");
  }
  if (record->entry.method == 0 && record->entry.stored_bytes != record->entry.bytes) {
    return Refuse(absl::StrCat(name, " of ", record->entry.bytes, " bytes stored in ", record->entry.stored_bytes),
                  "the same number: it is not compressed");
  }
  record->entry.offset = start;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ZipArchive> ZipArchive::Open(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Directory directory, FindDirectory(bytes));
  ZipArchive archive;
  uint64_t at = directory.offset;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    ASSIGN_OR_RETURN(Record record, ReadRecord(bytes, directory.offset + directory.bytes, &at));
    RETURN_IF_ERROR(FindBytes(bytes, directory.offset, &record));
    const std::string name = Quoted(record.name);
    if (!archive.entries_.emplace(std::move(record.name), record.entry).second) {
      return Refuse(absl::StrCat(name, " twice"), "every name once");
    }
  }
  return archive;
}

const ZipEntry* ZipArchive::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace grouppose::checkpoint
