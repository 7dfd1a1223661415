#include "grouppose/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/files.h"

namespace grouppose::checkpoint {
namespace {

// Closes a descriptor; a mapping lives on without it.
struct Descriptor {
  explicit Descriptor(int value) : value(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
  const int value;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  // a pipe that nobody writes to would block
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.value < 0) return base::ErrnoStatus(path, "cannot open");
  struct stat facts = {};
  if (fstat(file.value, &facts) != 0) return base::ErrnoStatus(path, "cannot look at");
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": found ", S_ISDIR(facts.st_mode) ? "a folder" : "no ordinary file", ", expected a file"));
  }
  const auto size = static_cast<size_t>(facts.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(path, nullptr, 0, /*mapped=*/true));
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.value, /*offset=*/0);
  if (data == MAP_FAILED) return base::ErrnoStatus(path, "cannot map");
  return std::shared_ptr<const MappedFile>(new MappedFile(path, static_cast<char*>(data), size, /*mapped=*/true));
}

std::shared_ptr<const MappedFile> MappedFile::OfBytes(const std::string& name, std::string_view content) {
  // to the byte, so that a sanitizer sees every step past the end
  char* const data = new char[content.size()];
  if (!content.empty()) std::memcpy(data, content.data(), content.size());
  return std::shared_ptr<const MappedFile>(new MappedFile(name, data, content.size(), /*mapped=*/false));
}

MappedFile::~MappedFile() {
  if (!mapped_) {
    delete[] data_;
  } else if (size_ > 0) {
    munmap(data_, size_);
  }
}

}  // namespace grouppose::checkpoint
