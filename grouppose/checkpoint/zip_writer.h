// A zip archive of stored entries, laid out as torch.save does: the bytes of every entry start at a multiple of 64.
#ifndef GROUPPOSE_CHECKPOINT_ZIP_WRITER_H_
#define GROUPPOSE_CHECKPOINT_ZIP_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace grouppose::checkpoint {

// The checksum of zip entries (CRC-32 of IEEE 802.3, reflected).
uint32_t Crc32(std::string_view bytes);

class ZipWriter {
 public:
  void Add(const std::string& name, std::string_view bytes);

  // The whole archive. InvalidArgument where it is too large for 32-bit offsets.
  absl::StatusOr<std::string> Finish() &&;

 private:
  std::string content_;
  std::string directory_;
  uint64_t entries_ = 0;
};

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_ZIP_WRITER_H_
