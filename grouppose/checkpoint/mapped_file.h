// A file's bytes in memory, without reading them first.
//
//   ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::Open("model.pth"));
//   std::string_view bytes = file->bytes();
//
// The mapping is private: who writes to the memory changes a copy of the page, never the file. A file that is replaced
// (as WriteFileAtomically does) stays readable here; one that another program shortens in place does not, as with every
// mapping.
#ifndef GROUPPOSE_CHECKPOINT_MAPPED_FILE_H_
#define GROUPPOSE_CHECKPOINT_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace grouppose::checkpoint {

class MappedFile {
 public:
  // NotFound where there is no such file, InvalidArgument where it is no file.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);

  // A copy of `content` under a name: for tests, and for what is not on disk.
  static std::shared_ptr<const MappedFile> OfBytes(const std::string& name, std::string_view content);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }
  // The same memory, for tensors, which may be written to.
  char* data() const { return data_; }

 private:
  MappedFile(std::string path, char* data, size_t size, bool mapped)
      : path_(std::move(path)), data_(data), size_(size), mapped_(mapped) {}

  const std::string path_;
  char* const data_;
  const size_t size_;
  const bool mapped_;  // else allocated
};

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_MAPPED_FILE_H_
