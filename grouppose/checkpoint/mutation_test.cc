// Broken and hostile files by the thousand: small files of every format, seeded changes of their bytes. None may crash
// (run this with --config=asan and --config=ubsan), open a file or start a process, and each refusal is one clear line.
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/random.h"
#include "grouppose/checkpoint/contents.h"
#include "grouppose/checkpoint/pth_writer.h"
#include "grouppose/checkpoint/read_checkpoint.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/checkpoint/test_files.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::checkpoint {
namespace {

using NamedBytes = std::pair<std::string, std::string>;

// Numbers at which arithmetic goes wrong, as their bytes.
const std::vector<std::string>& Extremes() {
  static const auto& extremes = *new std::vector<std::string>{
      std::string(1, '\xff'),
      std::string(2, '\xff'),
      std::string(4, '\xff'),
      std::string(8, '\xff'),
      std::string(4, '\0'),
      std::string(8, '\0'),
      "\xff\xff\xff\x7f",
      std::string("\0\0\0\x80", 4),
      "\xff\xff\xff\xff\xff\xff\xff\x7f",
      std::string("\0\0\0\0\0\0\0\x80", 8),
      std::string("\0\0\0\x40", 4),
      "\x80\x02",
  };
  return extremes;
}

// Another small number where a pickle or a header has one: shapes, strides and offsets that nearly fit.
void ChangeNumber(base::RandomStream* random, std::string* bytes) {
  const size_t start = random->NextBelow(bytes->size());
  for (size_t at = start; at + 5 < bytes->size(); ++at) {
    char& c = (*bytes)[at];
    if (c == 'J' || c == 'K') {  // BININT, BININT1
      bytes->replace(at + 1, 1, 1, static_cast<char>(random->NextBelow(32)));
      return;
    }
    if (c >= '0' && c <= '9') {
      c = static_cast<char>('0' + random->NextBelow(10));
      return;
    }
  }
}

void ChangeOnce(base::RandomStream* random, std::string* bytes) {
  if (bytes->empty()) return;
  const size_t at = random->NextBelow(bytes->size());
  const size_t count = std::min<size_t>(1 + random->NextBelow(16), bytes->size() - at);
  switch (random->NextBelow(10)) {
    case 0:
      (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << random->NextBelow(8)));
      return;
    case 1:
      (*bytes)[at] = static_cast<char>(random->NextBelow(256));
      return;
    case 2:
      bytes->erase(at, count);
      return;
    case 3:
      bytes->insert(at, count, static_cast<char>(random->NextBelow(256)));
      return;
    case 4:  // a piece of the file over another
      bytes->replace(at, count, bytes->substr(random->NextBelow(bytes->size()), count));
      return;
    case 5: {
      const std::string& extreme = Extremes()[random->NextBelow(Extremes().size())];
      bytes->replace(at, std::min(extreme.size(), bytes->size() - at), extreme);
      return;
    }
    case 6:  // once more
      bytes->insert(at, bytes->substr(at, count));
      return;
    case 7:
    case 8:
      return ChangeNumber(random, bytes);
    default:
      if (random->NextBelow(4) == 0) bytes->resize(at);
      return;
  }
}

std::string Mutated(std::string bytes, uint64_t index) {
  base::RandomStream random("checkpoint mutation", {index});
  const uint64_t changes = 1 + random.NextBelow(4);
  for (uint64_t i = 0; i < changes; ++i) ChangeOnce(&random, &bytes);
  return bytes;
}

std::vector<NamedBytes> Files() {
  const std::string path = base::JoinPath(::testing::TempDir(), "mutation");
  const std::map<std::string, at::Tensor> tensors = {
      {"a", at::arange(12, at::kFloat).view({3, 4})}, {"b", at::ones({5}, at::kBool)}, {"c", at::ones({}, at::kLong)}};
  std::vector<NamedBytes> files = {{"zip by hand", TrainingState(/*legacy=*/false)},
                                   {"legacy by hand", TrainingState(/*legacy=*/true)}};
  EXPECT_TRUE(WritePth(path, tensors).ok());
  files.emplace_back("WritePth", *base::ReadFile(path));
  EXPECT_TRUE(WriteSafetensors(path, tensors, {{"args", "{\"num_queries\":100}"}}).ok());
  files.emplace_back("WriteSafetensors", *base::ReadFile(path));
  if (testing::TestDataFolder().empty()) return files;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(testing::TestDataFolder() + "/fixtures/ckpt")) {
    if (entry.path().extension() != ".json") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& recorded : paths) files.emplace_back(recorded, *base::ReadFile(recorded));
  return files;
}

// A step out of a storage may end in another part of the same file, where no sanitizer sees it.
bool StaysInItsStorage(const at::Tensor& tensor) {
  int64_t elements = tensor.storage_offset() + (tensor.numel() > 0 ? 1 : 0);
  for (int64_t i = 0; tensor.numel() > 0 && i < tensor.dim(); ++i) elements += (tensor.size(i) - 1) * tensor.stride(i);
  return elements * tensor.element_size() <= tensor.storage().nbytes();
}

// Reads a file in every way and goes over every element.
absl::Status ReadAll(const std::string& bytes, int64_t* bytes_seen) {
  const auto file = MappedFile::OfBytes("mutated", bytes);
  const auto contents = ListContents(file);
  const auto checkpoint = ReadCheckpoint(file);
  if (!checkpoint.ok()) return contents.ok() ? absl::OkStatus() : checkpoint.status();
  for (const auto& [name, tensor] : checkpoint->tensors) {
    EXPECT_TRUE(StaysInItsStorage(tensor)) << name;
    const at::Tensor dense = tensor.contiguous();
    const auto* const data = static_cast<const unsigned char*>(dense.const_data_ptr());
    for (int64_t i = 0; i < static_cast<int64_t>(dense.nbytes()); ++i) *bytes_seen += data[i] != 0;
  }
  return absl::OkStatus();
}

// No file can be opened while one of these lives.
class NoFiles {
 public:
  NoFiles() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

TEST(MutationTest, NothingCrashesOpensAFileOrStartsAProcess) {
  const std::vector<NamedBytes> files = Files();
  int64_t bytes_seen = 0, read = 0;
  for (const NamedBytes& file : files) (void)ReadAll(file.second, &bytes_seen);
  {
    const NoFiles no_files;
    for (uint64_t i = 0; i < GROUPPOSE_MUTATIONS; ++i) {
      const NamedBytes& file = files[i % files.size()];
      const absl::Status status = ReadAll(Mutated(file.second, i), &bytes_seen);
      read += status.ok();
      if (status.ok()) continue;
      const std::string message(status.message());
      ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << i << " of " << file.first << ": " << message;
      ASSERT_EQ(message.find('\n'), std::string::npos) << i << " of " << file.first << ": " << message;
      ASSERT_LT(message.size(), 1000) << i << " of " << file.first << ": " << message;
    }
  }
  // both happen often: a change of a weight is no error
  EXPECT_GT(read, GROUPPOSE_MUTATIONS / 20);
  EXPECT_LT(read, GROUPPOSE_MUTATIONS * 19 / 20);
  EXPECT_GT(bytes_seen, 0);
  RecordProperty("read", static_cast<int>(read));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);  // there never was a child
}

// Cut anywhere, a file is refused, or (a legacy one behind its last storage) complete.
TEST(MutationTest, EveryTruncationIsRefused) {
  for (const std::string& whole : {TrainingState(/*legacy=*/false), TrainingState(/*legacy=*/true)}) {
    ASSERT_TRUE(ReadCheckpoint(MappedFile::OfBytes("whole", whole)).ok());
    for (size_t size = 0; size < whole.size(); ++size) {
      const auto checkpoint = ReadCheckpoint(MappedFile::OfBytes("cut", std::string_view(whole).substr(0, size)));
      ASSERT_EQ(checkpoint.status().code(), absl::StatusCode::kInvalidArgument) << size;
    }
  }
}

}  // namespace
}  // namespace grouppose::checkpoint
