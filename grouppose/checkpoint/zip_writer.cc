#include "grouppose/checkpoint/zip_writer.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace grouppose::checkpoint {
namespace {

// torch.save's alignment: that of the widest vectors.
constexpr uint64_t kAlignment = 64;
constexpr uint64_t kLocalBytes = 30;
// A field of padding between a name and its bytes, under the id that torch.save uses for it: "FB".
constexpr uint32_t kPaddingId = 0x4246;
constexpr uint64_t kPaddingHeaderBytes = 4;
constexpr uint64_t kMaxBytes = 0xffffffff, kMaxEntries = 0xffff;
constexpr uint32_t kVersion = 20;             // the zip that has folders
constexpr uint32_t kMidnight = 0, kDay = 33;  // 1 January 1980: the same bytes every day

// Eight tables: eight bytes a step instead of one.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

Tables MakeTables() {
  constexpr uint32_t kPolynomial = 0xedb88320;
  Tables tables = {};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    tables[0][i] = value;
  }
  for (size_t t = 1; t < tables.size(); ++t) {
    for (uint32_t i = 0; i < 256; ++i) {
      const uint32_t before = tables[t - 1][i];
      tables[t][i] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

void Append(std::string* out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) *out += static_cast<char>(value >> (8 * i));
}

// What a local header and the directory say of an entry in the same words.
std::string Facts(uint32_t checksum, uint64_t bytes, uint64_t name_bytes, uint64_t extra_bytes) {
  std::string facts;
  Append(&facts, kVersion, 2);
  Append(&facts, 0, 2);  // flags
  Append(&facts, 0, 2);  // method: stored
  Append(&facts, kMidnight, 2);
  Append(&facts, kDay, 2);
  Append(&facts, checksum, 4);
  Append(&facts, bytes, 4);
  Append(&facts, bytes, 4);
  Append(&facts, name_bytes, 2);
  Append(&facts, extra_bytes, 2);
  return facts;
}

}  // namespace

uint32_t Crc32(std::string_view bytes) {
  static const Tables tables = MakeTables();
  uint32_t state = 0xffffffff;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint32_t next = 0;
    for (size_t k = 0; k < 8; ++k) {
      const auto byte = static_cast<unsigned char>(bytes[i + k]);
      next ^= tables[7 - k][k < 4 ? byte ^ (state >> (8 * k) & 0xff) : byte];
    }
    state = next;
  }
  for (; i < bytes.size(); ++i) {
    state = (state >> 8) ^ tables[0][(state ^ static_cast<unsigned char>(bytes[i])) & 0xff];
  }
  return ~state;
}

void ZipWriter::Add(const std::string& name, std::string_view bytes) {
  const uint64_t local = content_.size();
  const uint32_t checksum = Crc32(bytes);
  const uint64_t unpadded = local + kLocalBytes + name.size() + kPaddingHeaderBytes;
  const uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;

  absl::StrAppend(&content_, "PK\x03\x04", Facts(checksum, bytes.size(), name.size(), kPaddingHeaderBytes + padding),
                  name);
  Append(&content_, kPaddingId, 2);
  Append(&content_, padding, 2);
  content_.append(padding, 'Z');
  content_.append(bytes.data(), bytes.size());

  absl::StrAppend(&directory_, "PK\x01\x02");
  Append(&directory_, kVersion, 2);
  absl::StrAppend(&directory_, Facts(checksum, bytes.size(), name.size(), /*extra_bytes=*/0));
  Append(&directory_, 0, 2);  // comment
  Append(&directory_, 0, 2);  // disk
  Append(&directory_, 0, 2);  // internal attributes
  Append(&directory_, 0, 4);  // external attributes
  Append(&directory_, local, 4);
  directory_ += name;
  ++entries_;
}

absl::StatusOr<std::string> ZipWriter::Finish() && {
  const uint64_t offset = content_.size();
  if (offset + directory_.size() > kMaxBytes || entries_ > kMaxEntries) {
    return absl::InvalidArgumentError(absl::StrCat("found ", entries_, " entries in ", offset,
                                                   " bytes, expected at most ", kMaxEntries, " in 4 GiB"));
  }
  content_ += directory_;
  absl::StrAppend(&content_, "PK\x05\x06");
  Append(&content_, 0, 2);  // this disk
  Append(&content_, 0, 2);  // the directory's disk
  Append(&content_, entries_, 2);
  Append(&content_, entries_, 2);
  Append(&content_, directory_.size(), 4);
  Append(&content_, offset, 4);
  Append(&content_, 0, 2);  // comment
  return std::move(content_);
}

}  // namespace grouppose::checkpoint
