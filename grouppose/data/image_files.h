// Pictures in files.
#ifndef GROUPPOSE_DATA_IMAGE_FILES_H_
#define GROUPPOSE_DATA_IMAGE_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grouppose/data/sample.h"

namespace grouppose {

// Decodes a JPEG or PNG file. Gray becomes RGB; an orientation noted in the file is ignored, as annotations ignore it.
// NotFound where there is no file, InvalidArgument where it is no picture.
absl::StatusOr<Image> ReadImage(const std::string& path);

// The same pixels give the same bytes.
absl::Status WritePng(const std::string& path, const Image& image);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_IMAGE_FILES_H_
