#include "base/files.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace base {
namespace {

using ::testing::HasSubstr;

std::string TestFolder() {
  const std::string folder =
      JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
  EXPECT_TRUE(MakeDirectories(folder).ok());
  return folder;
}

TEST(Files, ReadBackWhatWasWritten) {
  const std::string path = JoinPath(TestFolder(), "file");
  // empty, binary, longer than one read
  for (const std::string& content : {std::string(), std::string("a\0\r\n\xff", 5), std::string(200001, 'x')}) {
    ASSERT_TRUE(WriteFileAtomically(path, content).ok());
    const auto read = ReadFile(path);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, content);
  }
}

TEST(Files, LeaveNothingBesideTheWrittenFile) {
  const std::string folder = TestFolder();
  ASSERT_TRUE(WriteFileAtomically(JoinPath(folder, "file"), "content").ok());
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) entries += entry.exists();
  EXPECT_EQ(entries, 1);
}

TEST(Files, AWriteThatFailsKeepsTheOldContent) {
  const std::string folder = TestFolder();
  // a folder stands where the file should go: the rename fails
  ASSERT_TRUE(MakeDirectories(JoinPath(folder, "taken/inner")).ok());
  const absl::Status status = WriteFileAtomically(JoinPath(folder, "taken"), "new");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("taken: cannot write"));
  EXPECT_TRUE(IsDirectory(JoinPath(folder, "taken/inner")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()), 1);
}

TEST(Files, NameThePathInErrors) {
  const std::string folder = TestFolder();
  EXPECT_EQ(ReadFile(JoinPath(folder, "none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadFile(JoinPath(folder, "none")).status().message()), HasSubstr(folder + "/none: "));
  EXPECT_EQ(ReadFile(folder).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Sha256OfFile(JoinPath(folder, "none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Sha256OfFile(folder).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFileAtomically(JoinPath(folder, "none/file"), "").code(), absl::StatusCode::kNotFound);
}

TEST(Files, FoldersAreMadeWithTheirParents) {
  const std::string folder = JoinPath(TestFolder(), "a/b/c");
  EXPECT_FALSE(FileExists(folder));
  EXPECT_TRUE(MakeDirectories(folder).ok());
  EXPECT_TRUE(MakeDirectories(folder).ok());
  EXPECT_TRUE(FileExists(folder));
  EXPECT_TRUE(IsDirectory(folder));
  const std::string file = JoinPath(folder, "file");
  ASSERT_TRUE(WriteFileAtomically(file, "").ok());
  EXPECT_TRUE(FileExists(file));
  EXPECT_FALSE(IsDirectory(file));
  EXPECT_EQ(MakeDirectories(JoinPath(file, "below a file")).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeDirectories(file).code(), absl::StatusCode::kInvalidArgument) << "a file of that name";
}

TEST(Paths, AreJoined) {
  EXPECT_EQ(JoinPath("a/b", "c"), "a/b/c");
  EXPECT_EQ(JoinPath("a/b/", "c/d"), "a/b/c/d");
  EXPECT_EQ(JoinPath("", "c"), "c");
  EXPECT_EQ(JoinPath("a", "/c"), "/c");
}

TEST(Paths, AreTakenFromWhereTheUserStands) {
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(UserPath("data"), "data");
  ::setenv("BUILD_WORKING_DIRECTORY", "/home/her", 1);
  EXPECT_EQ(UserPath("data"), "/home/her/data");
  EXPECT_EQ(UserPath("/data"), "/data");
  EXPECT_EQ(UserPath(""), "");
  ::unsetenv("BUILD_WORKING_DIRECTORY");
}

struct Vector {
  std::string bytes;
  std::string sha256;
};

// FIPS 180-4's examples, and every length around the end of a block.
TEST(Sha256, EqualsKnownVectors) {
  const std::vector<Vector> vectors = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(55, 'a'), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {std::string(56, 'a'), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {std::string(63, 'a'), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
      {std::string(64, 'a'), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {std::string(65, 'a'), "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  const std::string path = JoinPath(TestFolder(), "file");
  for (const Vector& vector : vectors) {
    EXPECT_EQ(Sha256(vector.bytes), vector.sha256) << vector.bytes.size();
    // a file is read in pieces
    ASSERT_TRUE(WriteFileAtomically(path, vector.bytes).ok());
    EXPECT_EQ(*Sha256OfFile(path), vector.sha256) << vector.bytes.size();
  }
}

}  // namespace
}  // namespace base
