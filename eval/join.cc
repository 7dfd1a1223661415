#include "eval/join.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace eval {
namespace {

bool SameCategories(const std::vector<Category>& a, const std::vector<Category>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Category& x, const Category& y) { return x.id == y.id && x.keypoints == y.keypoints; });
}

int64_t LargestId(const std::vector<Dataset>& parts) {
  int64_t largest = 0;
  for (const Dataset& part : parts) {
    for (const Annotation& annotation : part.annotations) largest = std::max(largest, annotation.id);
  }
  return largest;
}

absl::Status AddImages(const Dataset& part, std::unordered_set<int64_t>* ids, Dataset* joined) {
  for (const Image& image : part.images) {
    if (!ids->insert(image.id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("image ", image.id, " is there twice; expected parts without a common image"));
    }
    joined->images.push_back(image);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Dataset> Join(const std::vector<Dataset>& parts) {
  Dataset joined;
  if (parts.empty()) return joined;
  joined.categories = parts[0].categories;
  std::unordered_set<int64_t> image_ids, annotation_ids;
  int64_t largest = LargestId(parts);
  for (const Dataset& part : parts) {
    if (!SameCategories(part.categories, joined.categories)) {
      return absl::InvalidArgumentError("the parts have other categories or keypoints; expected parts of one data set");
    }
    RETURN_IF_ERROR(AddImages(part, &image_ids, &joined));
    for (const Annotation& annotation : part.annotations) {
      joined.annotations.push_back(annotation);
      if (!annotation_ids.insert(annotation.id).second) joined.annotations.back().id = ++largest;
    }
  }
  return joined;
}

}  // namespace eval
