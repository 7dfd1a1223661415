#include "tools/profile/revisions.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "tools/profile/process.h"

namespace profile {
namespace {

class RevisionsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunProcess({"git", "--version"}, {}).ok()) GTEST_SKIP() << "no git on PATH";
    folder_ = base::JoinPath(testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    ASSERT_TRUE(base::MakeDirectories(folder_).ok());
    setenv("HOME", testing::TempDir().c_str(), 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    Shell("git init -q -b main . && git config user.name n && git config user.email e");
    for (const char* number : {"1", "2", "3"}) {
      Shell(absl::StrCat("echo ", number, " > file && git add file && git commit -q -m 'commit ", number, "'"));
    }
    Shell("echo ignored > .gitignore && git add .gitignore && git commit -q -m 'the fourth: \"quoted\"'");
  }

  void Shell(const std::string& command) const {
    ProcessOptions options;
    options.folder = folder_;
    const auto result = RunProcess({"sh", "-c", command}, options);
    ASSERT_TRUE(result.ok() && result->ok()) << command << ": " << result->errors;
  }
  Repository Open() const {
    auto repository = Repository::Open(folder_);
    EXPECT_TRUE(repository.ok()) << repository.status();
    return *std::move(repository);
  }

  std::string folder_;
};

TEST_F(RevisionsTest, ResolvesAndRanges) {
  const Repository repository = Open();
  const auto head = repository.Resolve("HEAD");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->subject, "the fourth: \"quoted\"");
  EXPECT_EQ(head->commit.size(), 40);
  const auto range = repository.Range("HEAD~3", "main");
  ASSERT_TRUE(range.ok()) << range.status();
  ASSERT_EQ(range->size(), 3);
  EXPECT_EQ((*range)[0].subject, "commit 2");
  EXPECT_EQ((*range)[2].commit, head->commit);
  EXPECT_EQ((*range)[2].parent, (*range)[1].commit);
  EXPECT_EQ(repository.Resolve("HEAD~3")->parent, "");
}

TEST_F(RevisionsTest, RefusesWhatIsNoRevision) {
  const Repository repository = Open();
  for (const char* revision : {"nonsense", "", "--all", "HEAD~9"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(repository.Resolve(revision).status())) << revision;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(repository.Range("HEAD", "HEAD~1").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(repository.Range("HEAD", "HEAD").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Repository::Open("/").status()));
}

TEST_F(RevisionsTest, ReadsFilesOfACommit) {
  const Repository repository = Open();
  Shell("mkdir sub && echo a,b > 'sub/a table.csv' && git add sub && git commit -q -m table && git rm -qr sub");
  EXPECT_EQ(*repository.FilesEndingIn("HEAD", ".csv"), std::vector<std::string>{"sub/a table.csv"});
  EXPECT_EQ(repository.FilesEndingIn("HEAD~1", ".csv")->size(), 0);
  EXPECT_EQ(*repository.Content("HEAD", "sub/a table.csv"), "a,b");
  EXPECT_FALSE(repository.Content("HEAD~1", "sub/a table.csv").ok());
}

TEST_F(RevisionsTest, TheWorkTreeIsARevision) {
  const Repository repository = Open();
  const std::string head = repository.Resolve("HEAD")->commit;
  EXPECT_EQ(repository.WorkTree()->commit, head);
  Shell("echo changed > file && echo new > new && echo x > ignored && git add new");
  const auto work_tree = repository.WorkTree();
  ASSERT_TRUE(work_tree.ok()) << work_tree.status();
  EXPECT_NE(work_tree->commit, head);
  EXPECT_EQ(work_tree->parent, head);
  EXPECT_EQ(repository.WorkTree()->commit, work_tree->commit);
  // the user's own index is as it was
  Shell("test \"$(git status --porcelain)\" = \"$(printf ' M file\\nA  new')\"");
  const std::string other = base::JoinPath(testing::TempDir(), "checked_out");
  std::filesystem::remove_all(other);
  ASSERT_TRUE(repository.CheckOut(work_tree->commit, other).ok());
  EXPECT_EQ(*base::ReadFile(other + "/file"), "changed\n");
  EXPECT_TRUE(base::FileExists(other + "/new"));
  EXPECT_FALSE(base::FileExists(other + "/ignored"));
}

TEST_F(RevisionsTest, ChecksOutOneAfterTheOther) {
  const Repository repository = Open();
  const std::string other = base::JoinPath(testing::TempDir(), "one_tree");
  std::filesystem::remove_all(other);
  for (const auto& [revision, content] : {std::pair("HEAD~2", "2\n"), {"HEAD~3", "1\n"}, {"HEAD", "3\n"}}) {
    ASSERT_TRUE(repository.CheckOut(repository.Resolve(revision)->commit, other).ok());
    EXPECT_EQ(*base::ReadFile(other + "/file"), content);
    // what a build left there goes away
    ASSERT_TRUE(base::WriteFileAtomically(other + "/left", "x").ok());
    EXPECT_EQ(base::FileExists(other + "/.gitignore"), std::string(revision) == "HEAD");
  }
  std::filesystem::remove_all(other);
  EXPECT_TRUE(repository.CheckOut(repository.Resolve("HEAD")->commit, other).ok()) << "deleted by hand";
}

}  // namespace
}  // namespace profile
