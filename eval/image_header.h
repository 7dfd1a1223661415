// The size of an image file from its first bytes: enough to draw on it without decoding it.
#ifndef EVAL_IMAGE_HEADER_H_
#define EVAL_IMAGE_HEADER_H_

#include <optional>
#include <string>

namespace eval {

struct ImageHeader {
  std::string media_type;     // "image/jpeg" or "image/png"
  int width = 0, height = 0;  // pixels, as stored
};

// Nothing where the bytes are neither JPEG (ITU-T T.81) nor PNG (RFC 2083), or end before the size.
std::optional<ImageHeader> ReadImageHeader(const std::string& bytes);

}  // namespace eval

#endif  // EVAL_IMAGE_HEADER_H_
