#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "eval/matches.h"

namespace eval {
namespace {

absl::Status CheckTheyFit(const std::vector<Matches>& parts) {
  const Matches& first = parts.front();
  std::vector<uint8_t> evaluated(first.image_ids.size());
  Matches::AreaSource source = Matches::AreaSource::kUndecided;
  for (size_t p = 0; p < parts.size(); ++p) {
    const Matches& part = parts[p];
    if (part.image_ids != first.image_ids || part.category_ids != first.category_ids ||
        part.num_annotations != first.num_annotations || part.difficulties != first.difficulties) {
      return absl::InvalidArgumentError(
          absl::StrCat("part ", p, " of ", parts.size(), " is of another data set than part 0"));
    }
    for (size_t i = 0; i < evaluated.size(); ++i) evaluated[i] |= part.evaluated[i];
    if (part.area_source == Matches::AreaSource::kUndecided) continue;
    if (source != Matches::AreaSource::kUndecided && source != part.area_source) {
      return absl::InvalidArgumentError(
          absl::StrCat("the detections of part ", p, " of ", parts.size(), " start ",
                       part.area_source == Matches::AreaSource::kBoxes ? "with" : "without",
                       " a 'bbox', those of an earlier part the other way; expected all alike"));
    }
    source = part.area_source;
  }
  for (size_t i = 0; i < evaluated.size(); ++i) {
    if (evaluated[i] != 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("image ", first.image_ids[i], " was evaluated in none of the ", parts.size(), " parts"));
  }
  return absl::OkStatus();
}

// Takes from `part` what no earlier part has.
void Take(Matches part, int first_detection, Matches* merged) {
  const auto is_new = [&](int image) { return part.evaluated[image] != 0 && merged->evaluated[image] == 0; };
  for (size_t k = 0; k < part.categories.size(); ++k) {
    Matches::Category& from = part.categories[k];
    Matches::Category& to = merged->categories[k];
    for (RankedDetection detection : from.detections) {
      if (!is_new(detection.image)) continue;
      detection.detection += first_detection;
      to.detections.push_back(detection);
    }
    for (int area = 0; area < kNumAreaLabels; ++area) {
      for (size_t i = 0; i < part.image_ids.size(); ++i) {
        if (is_new(static_cast<int>(i))) to.num_positives[area][i] = from.num_positives[area][i];
      }
    }
  }
  for (ImageDetails& details : part.per_image) {
    const auto found = std::lower_bound(part.image_ids.begin(), part.image_ids.end(), details.image_id);
    if (!is_new(static_cast<int>(found - part.image_ids.begin()))) continue;
    for (int64_t& id : details.detection_ids) id += first_detection;
    merged->per_image.push_back(std::move(details));
  }
  for (size_t i = 0; i < part.image_ids.size(); ++i) {
    if (!is_new(static_cast<int>(i))) continue;
    merged->num_detections[i] = part.num_detections[i];
    merged->evaluated[i] = 1;
  }
}

}  // namespace

absl::StatusOr<Matches> MergeMatches(std::vector<Matches> parts) {
  if (parts.empty()) return absl::InvalidArgumentError("expected at least one part");
  RETURN_IF_ERROR(CheckTheyFit(parts));
  if (parts.size() == 1) return std::move(parts.front());

  Matches merged;
  merged.image_ids = parts.front().image_ids;
  merged.category_ids = parts.front().category_ids;
  merged.difficulties = parts.front().difficulties;
  merged.num_annotations = parts.front().num_annotations;
  // about the data set, which all have
  merged.warnings = parts.front().warnings;
  const size_t num_images = merged.image_ids.size();
  merged.evaluated.resize(num_images);
  merged.num_detections.resize(num_images);
  merged.categories.resize(merged.category_ids.size());
  for (Matches::Category& category : merged.categories) {
    for (std::vector<int64_t>& counts : category.num_positives) counts.resize(num_images);
  }

  int64_t first_detection = 0;
  for (Matches& part : parts) {
    merged.area_source = std::max(merged.area_source, part.area_source);
    int64_t count = 0;
    for (const int64_t of_image : part.num_detections) count += of_image;
    Take(std::move(part), static_cast<int>(first_detection), &merged);
    first_detection += count;
  }
  // the order of one process: image by image
  for (Matches::Category& category : merged.categories) {
    std::stable_sort(category.detections.begin(), category.detections.end(),
                     [](const RankedDetection& a, const RankedDetection& b) { return a.image < b.image; });
  }
  std::stable_sort(merged.per_image.begin(), merged.per_image.end(), [](const ImageDetails& a, const ImageDetails& b) {
    return std::make_pair(a.category_id, a.image_id) < std::make_pair(b.category_id, b.image_id);
  });
  return merged;
}

}  // namespace eval
