#include "eval/image_header.h"

#include <cstddef>
#include <cstdint>

namespace eval {
namespace {

// Big-endian.
int Number(const std::string& bytes, size_t position, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[position + i]);
  return static_cast<int>(value);
}

std::optional<ImageHeader> ReadPng(const std::string& bytes) {
  // signature, length and name of the first chunk, then width and height
  constexpr size_t kWidth = 16, kHeight = 20, kEnd = 24;
  if (bytes.size() < kEnd || bytes.compare(12, 4, "IHDR") != 0) return std::nullopt;
  return ImageHeader{"image/png", Number(bytes, kWidth, 4), Number(bytes, kHeight, 4)};
}

// A start of frame: all of C0 to CF but the tables and the restart of arithmetic coding (T.81, table B.1).
bool IsStartOfFrame(int marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

std::optional<ImageHeader> ReadJpeg(const std::string& bytes) {
  // segment by segment: FF, marker, length with itself
  for (size_t position = 2; position + 9 <= bytes.size();) {
    if (static_cast<unsigned char>(bytes[position]) != 0xFF) return std::nullopt;
    const int marker = Number(bytes, position + 1, 1);
    if (marker == 0xFF) {  // a fill byte
      ++position;
      continue;
    }
    if (IsStartOfFrame(marker)) {
      return ImageHeader{"image/jpeg", Number(bytes, position + 7, 2), Number(bytes, position + 5, 2)};
    }
    position += 2 + static_cast<size_t>(Number(bytes, position + 2, 2));
  }
  return std::nullopt;
}

}  // namespace

std::optional<ImageHeader> ReadImageHeader(const std::string& bytes) {
  std::optional<ImageHeader> header;
  if (bytes.compare(0, 8, "\x89PNG\r\n\x1a\n") == 0) header = ReadPng(bytes);
  if (bytes.compare(0, 2, "\xFF\xD8") == 0) header = ReadJpeg(bytes);
  if (header.has_value() && (header->width <= 0 || header->height <= 0)) return std::nullopt;
  return header;
}

}  // namespace eval
