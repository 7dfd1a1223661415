// The directory of a zip archive, as torch.save writes it (PKWARE APPNOTE 6.3, sections 4.3 to 4.5, zip64 included).
//
//   ASSIGN_OR_RETURN(ZipArchive archive, ZipArchive::Open(file->bytes()));
//   const ZipEntry* entry = archive.Find("archive/data.pkl");
//
// Every offset is checked against the bytes that are there. What torch.save never writes is refused: encryption,
// several disks, a name twice, bytes in front of the archive. Entries that are compressed are listed, not unpacked.
// Checksums are not looked at: torch.load ignores them, and torch.save may leave them out.
//
// Our own, for nothing but the directory is wanted: LibTorch's reader copies every entry, and a whole zip library
// brings decompressors and name handling that hostile files would be free to use.
#ifndef GROUPPOSE_CHECKPOINT_ZIP_ARCHIVE_H_
#define GROUPPOSE_CHECKPOINT_ZIP_ARCHIVE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace grouppose::checkpoint {

struct ZipEntry {
  uint64_t offset = 0;        // of its bytes in the file
  uint64_t stored_bytes = 0;  // in the file
  uint64_t bytes = 0;         // unpacked; the same where method is 0
  int method = 0;             // 0: stored as they are, 8: deflated
};

class ZipArchive {
 public:
  // InvalidArgument without a path: what was found, what was expected.
  static absl::StatusOr<ZipArchive> Open(std::string_view bytes);

  const std::map<std::string, ZipEntry>& entries() const { return entries_; }
  const ZipEntry* Find(const std::string& name) const;

 private:
  std::map<std::string, ZipEntry> entries_;
};

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_ZIP_ARCHIVE_H_
