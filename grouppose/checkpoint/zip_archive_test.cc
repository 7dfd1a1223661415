#include "grouppose/checkpoint/zip_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "grouppose/checkpoint/zip_writer.h"

namespace grouppose::checkpoint {
namespace {

using ::testing::HasSubstr;

std::string Number(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) {
    out += static_cast<char>(value);
    value >>= 8;
  }
  return out;
}

std::string TwoEntries() {
  ZipWriter zip;
  zip.Add("a/one", "first");
  zip.Add("a/two", "");
  return *std::move(zip).Finish();
}

// What an entry's header and the end of an archive say; the defaults are those of a sound one.
struct Made {
  std::string name = "x";
  std::string data = "data";
  uint32_t stored = 4, bytes = 4, local = 0;
  uint16_t flags = 0, method = 0, entries = 1, disk = 0;
  std::string extra;  // of the directory
  std::string local_name = "x";
  uint64_t directory = 0;  // added to the offset of the directory
  std::string before_end;  // zip64 records
  std::string comment;
};

std::string Build(const Made& made) {
  const std::string versions = Number(20, 2);
  const std::string facts = absl::StrCat(Number(made.flags, 2), Number(made.method, 2), Number(0, 8),
                                         Number(made.stored, 4), Number(made.bytes, 4));
  const std::string local = absl::StrCat("PK\x03\x04", versions, facts, Number(made.local_name.size(), 2), Number(0, 2),
                                         made.local_name, made.data);
  const std::string directory =
      absl::StrCat("PK\x01\x02", versions, versions, facts, Number(made.name.size(), 2), Number(made.extra.size(), 2),
                   Number(0, 10), Number(made.local, 4), made.name, made.extra);
  return absl::StrCat(local, directory, made.before_end, "PK\x05\x06", Number(made.disk, 2), Number(made.disk, 2),
                      Number(made.entries, 2), Number(made.entries, 2), Number(directory.size(), 4),
                      Number(local.size() + made.directory, 4), Number(made.comment.size(), 2), made.comment);
}

void ExpectRefused(const Made& made, const std::string& text) {
  const auto archive = ZipArchive::Open(Build(made));
  ASSERT_FALSE(archive.ok()) << text;
  EXPECT_EQ(archive.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(archive.status().message()), HasSubstr(text));
}

TEST(ZipArchiveTest, FindsTheBytesOfEveryEntry) {
  const std::string bytes = TwoEntries();
  const auto archive = ZipArchive::Open(bytes);
  ASSERT_TRUE(archive.ok()) << archive.status();
  ASSERT_EQ(archive->entries().size(), 2);
  const ZipEntry* const one = archive->Find("a/one");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(bytes.substr(one->offset, one->bytes), "first");
  EXPECT_EQ(one->offset % 64, 0);
  EXPECT_EQ(archive->Find("a/two")->bytes, 0);
  EXPECT_EQ(archive->Find("a/three"), nullptr);
}

TEST(ZipArchiveTest, ReadsACommentAndCompressedEntriesWithoutUnpackingThem) {
  Made made;
  made.comment = std::string(300, 'c');
  made.method = 8;
  made.bytes = 4'000'000'000;
  const auto archive = ZipArchive::Open(Build(made));
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ(archive->Find("x")->method, 8);
  EXPECT_EQ(archive->Find("x")->stored_bytes, 4);
}

// The end of an archive with 64-bit numbers, and the record that says where it is.
std::string End64(uint64_t entries, uint64_t directory_bytes, uint64_t directory, uint64_t at) {
  return absl::StrCat("PK\x06\x06", Number(44, 8), Number(45, 2), Number(45, 2), Number(0, 8), Number(entries, 8),
                      Number(entries, 8), Number(directory_bytes, 8), Number(directory, 8), "PK\x06\x07", Number(0, 4),
                      Number(at, 8), Number(1, 4));
}

TEST(ZipArchiveTest, Zip64) {
  // offset of the directory: the local header, "x" and "data"; its bytes: the header, "x" and the extra field
  constexpr uint64_t kDirectory = 30 + 1 + 4, kDirectoryBytes = 46 + 1 + 28, kEnd = kDirectory + kDirectoryBytes;
  Made made;
  made.stored = made.bytes = made.local = 0xffffffff;
  made.extra = absl::StrCat(Number(1, 2), Number(24, 2), Number(4, 8), Number(4, 8), Number(0, 8));
  made.before_end = End64(1, kDirectoryBytes, kDirectory, kEnd);
  made.entries = 0xffff;
  const std::string bytes = Build(made);
  const auto archive = ZipArchive::Open(bytes);
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ(bytes.substr(archive->Find("x")->offset, 4), "data");

  made.before_end = End64(1, kDirectoryBytes, kDirectory, kEnd + 1);
  ExpectRefused(made, "no zip64 end");
  made.before_end = End64(1, kDirectoryBytes, kDirectory, ~uint64_t{0});
  ExpectRefused(made, "no zip64 end");
  made.before_end = End64(1, ~uint64_t{0}, kDirectory, kEnd);
  ExpectRefused(made, "a directory of");
  made.before_end = End64(1, kDirectoryBytes, ~uint64_t{0} - 3, kEnd);
  ExpectRefused(made, "a directory of");
  made.before_end = End64(~uint64_t{0}, kDirectoryBytes, kDirectory, kEnd);
  ExpectRefused(made, "at most 200000");
  made.before_end = End64(1, kDirectoryBytes, kDirectory, kEnd);
  made.extra = absl::StrCat(Number(1, 2), Number(24, 2), Number(4, 8), Number(4, 8), Number(~uint64_t{0} - 8, 8));
  ExpectRefused(made, "no header");
  made.extra =
      absl::StrCat(Number(1, 2), Number(24, 2), Number(~uint64_t{0}, 8), Number(~uint64_t{0}, 8), Number(0, 8));
  ExpectRefused(made, "bytes before");
  made.extra = absl::StrCat(Number(1, 2), Number(8, 2), Number(4, 8), Number(7, 2), Number(12, 2), Number(0, 12));
  ExpectRefused(made, "a short zip64 field");
}

TEST(ZipArchiveTest, RefusesWhatLiesOutsideOrContradictsItself) {
  Made made;
  ASSERT_TRUE(ZipArchive::Open(Build(made)).ok());
  const auto refused = [](auto change, const std::string& text) {
    Made changed;
    change(&changed);
    ExpectRefused(changed, text);
  };
  refused([](Made* m) { m->stored = m->bytes = 5; }, "bytes before 35");
  refused([](Made* m) { m->stored = m->bytes = 0xfffffffe; }, "bytes before 35");
  refused([](Made* m) { m->bytes = 3; }, "stored in 4");
  refused([](Made* m) { m->local = 1; }, "no header");
  refused([](Made* m) { m->local = 0xfffffff0; }, "no header");
  refused([](Made* m) { m->local_name = "y"; }, "another name");
  refused([](Made* m) { m->entries = 2; }, "no entry at byte");
  refused([](Made* m) { m->directory = 1; }, "a directory of");
  refused([](Made* m) { m->disk = 1; }, "several disks");
  refused([](Made* m) { m->flags = 1; }, "encrypted");
  refused(
      [](Made* m) {
        m->before_end = "stray";
        m->directory = ~uint64_t{0};
      },
      "no entry at byte");

  ZipWriter twice;
  twice.Add("x", "1");
  twice.Add("x", "2");
  const auto archive = ZipArchive::Open(*std::move(twice).Finish());
  EXPECT_THAT(std::string(archive.status().message()), HasSubstr("twice"));
}

TEST(ZipArchiveTest, RefusesEveryTruncation) {
  const std::string bytes = TwoEntries();
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(ZipArchive::Open(bytes.substr(0, size)).ok()) << size;
}

}  // namespace
}  // namespace grouppose::checkpoint
