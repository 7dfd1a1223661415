#include "grouppose/data/image_list.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/files.h"
#include "base/status.h"
#include "grouppose/data/image_files.h"

namespace grouppose {
namespace {

class ImageList : public Dataset {
 public:
  ImageList(const std::vector<std::string>& paths, const eval::KeypointDataset& description)
      : description_(description) {
    for (const std::string& path : paths) {
      eval::Image image;
      image.id = static_cast<int64_t>(ground_truth_.images.size()) + 1;
      image.file_name = path;
      ground_truth_.images.push_back(std::move(image));
    }
  }

  int64_t size() const override { return static_cast<int64_t>(ground_truth_.images.size()); }

  absl::StatusOr<Sample> Get(int64_t index) const override {
    GROUPPOSE_CHECK(index >= 0 && index < size(), "index ", index, " of ", size());
    Sample sample;
    sample.image_id = ground_truth_.images[index].id;
    ASSIGN_OR_RETURN(sample.image, ReadImage(ground_truth_.images[index].file_name));
    sample.original_size = {sample.image.height, sample.image.width};
    return sample;
  }

  const eval::KeypointDataset& description() const override { return description_; }
  const eval::Dataset& ground_truth() const override { return ground_truth_; }

 private:
  eval::KeypointDataset description_;
  eval::Dataset ground_truth_;
};

bool IsPicture(const std::filesystem::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

absl::StatusOr<std::vector<std::string>> PicturesIn(const std::string& folder) {
  std::vector<std::string> pictures;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->is_directory() && IsPicture(entry->path())) pictures.push_back(entry->path().string());
  }
  if (error) return absl::PermissionDeniedError(absl::StrCat(folder, ": cannot be listed: ", error.message()));
  if (pictures.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": expected .jpg, .jpeg or .png files in this folder"));
  }
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dataset>> OpenImageList(const std::vector<std::string>& paths,
                                                       const eval::KeypointDataset& description) {
  std::vector<std::string> pictures;
  for (const std::string& path : paths) {
    if (base::IsDirectory(path)) {
      ASSIGN_OR_RETURN(const std::vector<std::string> inside, PicturesIn(path));
      pictures.insert(pictures.end(), inside.begin(), inside.end());
    } else if (base::FileExists(path)) {
      pictures.push_back(path);
    } else {
      return absl::NotFoundError(absl::StrCat(path, ": there is no such picture or folder of pictures"));
    }
  }
  if (pictures.empty()) return absl::InvalidArgumentError("expected a picture, or a folder of pictures");
  std::set<std::string> seen;
  for (const std::string& picture : pictures) {
    if (!seen.insert(picture).second) return absl::InvalidArgumentError(absl::StrCat(picture, ": is named twice"));
  }
  return std::unique_ptr<Dataset>(std::make_unique<ImageList>(pictures, description));
}

}  // namespace grouppose
