#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "eval/matches.h"
#include "eval/matching.h"

namespace eval {
namespace {

// The first bytes; the number changes with the layout.
constexpr char kMagic[] = "pose matches 1\n";

// Numbers as they lie in memory, one field after the other; lists with their length before them.
class Writer {
 public:
  template <typename T>
  void Number(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Number(const std::string& text) {
    Number<uint64_t>(text.size());
    bytes_ += text;
  }
  // field by field: there are unused bytes between them
  void Number(const RankedDetection& detection) {
    Number(detection.image);
    Number(detection.detection);
    Number(detection.score);
    Number(detection.found);
    Number(detection.wrong);
  }
  template <typename T>
  void List(const std::vector<T>& values) {
    Number<uint64_t>(values.size());
    for (const T& value : values) Number(value);
  }
  void List(const std::vector<bool>& values) { List(std::vector<uint8_t>(values.begin(), values.end())); }

  std::string bytes_ = kMagic;
};

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {
    const size_t length = std::strlen(kMagic);
    good_ = rest_.substr(0, length) == kMagic;
    if (good_) rest_.remove_prefix(length);
  }

  template <typename T>
  void Number(T& value) {
    good_ = good_ && rest_.size() >= sizeof(value);
    if (!good_) return;
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_.remove_prefix(sizeof(value));
  }
  void Number(std::string& text) {
    const uint64_t size = Size(1);
    if (!good_) return;
    text.assign(rest_.data(), size);
    rest_.remove_prefix(size);
  }
  void Number(RankedDetection& detection) {
    Number(detection.image);
    Number(detection.detection);
    Number(detection.score);
    Number(detection.found);
    Number(detection.wrong);
  }
  template <typename T>
  void List(std::vector<T>& values) {
    values.resize(Size(sizeof(T) < 8 ? sizeof(T) : 8));
    for (T& value : values) Number(value);
  }
  void List(std::vector<bool>& values) {
    std::vector<uint8_t> bytes;
    List(bytes);
    values.assign(bytes.begin(), bytes.end());
  }
  // A length that the bytes can have, each element being at least so long.
  uint64_t Size(uint64_t element) {
    uint64_t size = 0;
    Number(size);
    good_ = good_ && size <= rest_.size() / element;
    return good_ ? size : 0;
  }

  bool Finished() const { return good_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool good_ = false;
};

// The fields in their order, for reading and writing.
template <typename Archive, typename MatchesType>
void Fields(Archive& archive, MatchesType& matches) {
  archive.List(matches.image_ids);
  archive.List(matches.category_ids);
  archive.List(matches.evaluated);
  archive.List(matches.difficulties);
  archive.List(matches.num_detections);
  archive.Number(matches.num_annotations);
  archive.Number(matches.area_source);
  archive.List(matches.warnings);
}

template <typename Archive, typename CategoryType>
void CategoryFields(Archive& archive, CategoryType& category) {
  archive.List(category.detections);
  for (auto& counts : category.num_positives) archive.List(counts);
}

template <typename Archive, typename DetailsType>
void DetailsFields(Archive& archive, DetailsType& details) {
  archive.Number(details.image_id);
  archive.Number(details.category_id);
  archive.List(details.detection_ids);
  archive.List(details.scores);
  archive.List(details.annotation_ids);
  archive.List(details.annotation_positions);
  archive.List(details.annotation_ignored);
  archive.List(details.matches_50);
  archive.List(details.matches_75);
  archive.List(details.detection_ignored_50);
  archive.List(details.oks);
}

bool IsAscending(const std::vector<int64_t>& ids) {
  return std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
}

bool IsConsistent(const Matches::Category& category, size_t num_images) {
  // more than any data set has, and few enough to be added up
  constexpr int64_t kMost = int64_t{1} << 31;
  for (const std::vector<int64_t>& counts : category.num_positives) {
    if (counts.size() != num_images) return false;
    if (std::any_of(counts.begin(), counts.end(), [](int64_t n) { return n < 0 || n > kMost; })) return false;
  }
  return std::all_of(category.detections.begin(), category.detections.end(), [&](const RankedDetection& detection) {
    if (detection.image < 0 || static_cast<size_t>(detection.image) >= num_images) return false;
    for (int area = 0; area < kNumAreaLabels; ++area) {
      if ((detection.found[area] | detection.wrong[area]) >> kNumThresholds != 0) return false;
    }
    return true;
  });
}

// What was read is as long as it says, and points nowhere else.
bool IsConsistent(const Matches& matches) {
  const size_t num_images = matches.image_ids.size();
  if (!IsAscending(matches.image_ids) || !IsAscending(matches.category_ids)) return false;
  if (matches.evaluated.size() != num_images || matches.num_detections.size() != num_images) return false;
  if (!matches.difficulties.empty() && matches.difficulties.size() != num_images) return false;
  if (matches.area_source > Matches::AreaSource::kKeypoints) return false;
  for (const ImageDetails& details : matches.per_image) {
    if (!std::binary_search(matches.image_ids.begin(), matches.image_ids.end(), details.image_id)) return false;
  }
  return matches.categories.size() == matches.category_ids.size() &&
         std::all_of(matches.categories.begin(), matches.categories.end(),
                     [&](const Matches::Category& category) { return IsConsistent(category, num_images); });
}

}  // namespace

std::string SerializeMatches(const Matches& matches) {
  Writer writer;
  Fields(writer, matches);
  writer.Number<uint64_t>(matches.categories.size());
  for (const Matches::Category& category : matches.categories) CategoryFields(writer, category);
  writer.Number<uint64_t>(matches.per_image.size());
  for (const ImageDetails& details : matches.per_image) DetailsFields(writer, details);
  return std::move(writer.bytes_);
}

absl::StatusOr<Matches> ParseMatches(absl::string_view bytes) {
  Reader reader(bytes);
  Matches matches;
  Fields(reader, matches);
  matches.categories.resize(reader.Size(1));
  for (Matches::Category& category : matches.categories) CategoryFields(reader, category);
  matches.per_image.resize(reader.Size(1));
  for (ImageDetails& details : matches.per_image) DetailsFields(reader, details);
  if (!reader.Finished() || !IsConsistent(matches)) {
    return absl::InvalidArgumentError(
        absl::StrCat("matches: ", bytes.size(), " bytes, which SerializeMatches of this build has not made"));
  }
  return matches;
}

}  // namespace eval
