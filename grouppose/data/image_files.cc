#include "grouppose/data/image_files.h"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"

namespace grouppose {

absl::StatusOr<Image> ReadImage(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
  cv::Mat decoded;
  if (!bytes.empty()) {
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
    decoded = cv::imdecode(encoded, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  }
  if (decoded.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": found ", bytes.size(), " bytes that do not decode, expected a JPEG or PNG picture"));
  }
  Image image{decoded.rows, decoded.cols, std::vector<uint8_t>(decoded.total() * 3)};
  cv::Mat rgb(decoded.rows, decoded.cols, CV_8UC3, image.pixels.data());
  cv::cvtColor(decoded, rgb, cv::COLOR_BGR2RGB);
  return image;
}

absl::Status WritePng(const std::string& path, const Image& image) {
  const cv::Mat rgb(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3,
                    const_cast<uint8_t*>(image.pixels.data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<uint8_t> encoded;
  if (!cv::imencode(".png", bgr, encoded)) return absl::InternalError(absl::StrCat(path, ": cannot be encoded as PNG"));
  return base::WriteFileAtomically(path, std::string(encoded.begin(), encoded.end()));
}

}  // namespace grouppose
