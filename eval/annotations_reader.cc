#include <cstring>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/json_reader.h"

namespace eval {
namespace {

using Value = JsonReader::Value;

// The names of a record's fields, and which of them were there.
class Fields {
 public:
  // The first `num_required` names have to be there.
  Fields(absl::Span<const char* const> names, int num_required) : names_(names), num_required_(num_required) {}

  // The place of `key` in the list of names, or -1; remembers that it was there.
  int See(absl::string_view key) {
    for (size_t i = 0; i < names_.size(); ++i) {
      if (key == names_[i]) {
        seen_ |= 1u << i;
        return static_cast<int>(i);
      }
    }
    return -1;
  }

  absl::Status CheckComplete(const JsonReader& reader, size_t offset, const JsonPlace& place) const {
    for (int i = 0; i < num_required_; ++i) {
      if ((seen_ & 1u << i) == 0) return reader.ErrorAt(offset, place, absl::StrCat("has no '", names_[i], "'"));
    }
    return absl::OkStatus();
  }

 private:
  absl::Span<const char* const> names_;
  int num_required_;
  uint32_t seen_ = 0;
};

absl::Status ReadBox(JsonReader& reader, Value value, const JsonPlace& place, Box* out) {
  const size_t offset = reader.OffsetOf(value);
  int64_t count = 0;
  RETURN_IF_ERROR(reader.Elements(value, place, [&](int64_t i, Value element) {
    double number = 0;
    RETURN_IF_ERROR(reader.Double(element, place, &number));
    if (i < 4) (*out)[i] = number;
    count = i + 1;
    return absl::OkStatus();
  }));
  if (count == 4) return absl::OkStatus();
  return reader.ErrorAt(offset, place, absl::StrCat("expected 4 numbers (x, y, width, height), found ", count));
}

absl::Status ReadKeypoints(JsonReader& reader, Value value, const JsonPlace& place, const ReadOptions& options,
                           std::vector<double>* out) {
  const size_t offset = reader.OffsetOf(value);
  out->reserve(3 * options.num_keypoints);
  RETURN_IF_ERROR(reader.Doubles(value, place, out));
  const size_t expected = 3 * options.num_keypoints;
  if (options.num_keypoints > 0 && out->size() != expected) {
    return reader.ErrorAt(offset, place,
                          absl::StrCat("expected ", expected, " numbers (x, y, v of ", options.num_keypoints,
                                       " keypoints), found ", out->size()));
  }
  if (out->size() % 3 != 0) {
    return reader.ErrorAt(
        offset, place,
        absl::StrCat("expected x, y, v of each keypoint, found ", out->size(), " numbers, which 3 does not divide"));
  }
  return absl::OkStatus();
}

absl::Status ReadImage(JsonReader& reader, Value value, int64_t index, Image* out) {
  static constexpr const char* kNames[] = {"id", "width", "height", "file_name", "crowdIndex"};
  enum { kId, kWidth, kHeight, kFileName, kCrowdIndex };
  const JsonPlace record = {"images", index};
  const size_t offset = reader.OffsetOf(value);
  Fields fields(kNames, 1);
  RETURN_IF_ERROR(reader.Entries(value, record, [&](absl::string_view key, Value entry) {
    const int field = fields.See(key);
    if (field < 0) return reader.Pass(entry, record);
    const JsonPlace place = {"images", index, kNames[field]};
    switch (field) {
      case kId:
        return reader.Integer(entry, place, &out->id);
      case kWidth:
        return reader.Integer(entry, place, &out->width);
      case kHeight:
        return reader.Integer(entry, place, &out->height);
      case kFileName:
        return reader.String(entry, place, &out->file_name);
      default:
        return reader.Double(entry, place, &out->crowd_index.emplace());
    }
  }));
  return fields.CheckComplete(reader, offset, record);
}

absl::Status ReadAnnotation(JsonReader& reader, Value value, int64_t index, const ReadOptions& options,
                            Annotation* out) {
  static constexpr const char* kNames[] = {"id",      "image_id",      "category_id", "bbox",
                                           "iscrowd", "num_keypoints", "keypoints",   "area"};
  enum { kId, kImageId, kCategoryId, kBbox, kIscrowd, kNumKeypoints, kKeypoints, kArea };
  const JsonPlace record = {"annotations", index};
  const size_t offset = reader.OffsetOf(value);
  Fields fields(kNames, kArea);
  RETURN_IF_ERROR(reader.Entries(value, record, [&](absl::string_view key, Value entry) {
    const int field = fields.See(key);
    if (field < 0) return reader.Pass(entry, record);
    const JsonPlace place = {"annotations", index, kNames[field]};
    switch (field) {
      case kId:
        return reader.Integer(entry, place, &out->id);
      case kImageId:
        return reader.Integer(entry, place, &out->image_id);
      case kCategoryId:
        return reader.Integer(entry, place, &out->category_id);
      case kBbox:
        return ReadBox(reader, entry, place, &out->bbox);
      case kIscrowd:
        return reader.Flag(entry, place, &out->iscrowd);
      case kNumKeypoints:
        return reader.Integer(entry, place, &out->num_keypoints);
      case kKeypoints:
        return ReadKeypoints(reader, entry, place, options, &out->keypoints);
      default:
        return reader.Double(entry, place, &out->area.emplace());
    }
  }));
  return fields.CheckComplete(reader, offset, record);
}

absl::Status ReadSkeleton(JsonReader& reader, Value value, const JsonPlace& place, Category* out) {
  return reader.Elements(value, place, [&](int64_t, Value limb) {
    const size_t offset = reader.OffsetOf(limb);
    std::vector<int64_t> ends;
    RETURN_IF_ERROR(reader.Elements(
        limb, place, [&](int64_t, Value end) { return reader.Integer(end, place, &ends.emplace_back()); }));
    if (ends.size() != 2) {
      return reader.ErrorAt(offset, place,
                            absl::StrCat("expected pairs of keypoints, found ", ends.size(), " numbers"));
    }
    out->skeleton.emplace_back(ends[0], ends[1]);
    return absl::OkStatus();
  });
}

absl::Status ReadCategory(JsonReader& reader, Value value, int64_t index, Category* out) {
  static constexpr const char* kNames[] = {"id", "name", "supercategory", "keypoints", "skeleton"};
  enum { kId, kName, kSupercategory, kKeypoints, kSkeleton };
  const JsonPlace record = {"categories", index};
  const size_t offset = reader.OffsetOf(value);
  Fields fields(kNames, 1);
  RETURN_IF_ERROR(reader.Entries(value, record, [&](absl::string_view key, Value entry) {
    const int field = fields.See(key);
    if (field < 0) return reader.Pass(entry, record);
    const JsonPlace place = {"categories", index, kNames[field]};
    switch (field) {
      case kId:
        return reader.Integer(entry, place, &out->id);
      case kName:
        return reader.String(entry, place, &out->name);
      case kSupercategory:
        return reader.String(entry, place, &out->supercategory);
      case kKeypoints:
        out->keypoints.clear();
        return reader.Elements(entry, place, [&](int64_t, Value name) {
          return reader.String(name, place, &out->keypoints.emplace_back());
        });
      default:
        out->skeleton.clear();
        return ReadSkeleton(reader, entry, place, out);
    }
  }));
  return fields.CheckComplete(reader, offset, record);
}

// [] stands for no box: the official tool takes it so in the first detection.
absl::Status ReadBoxOrNone(JsonReader& reader, Value value, const JsonPlace& place, std::optional<Box>* out) {
  if (reader.IsEmptyArray(value)) {
    out->reset();
    return absl::OkStatus();
  }
  return ReadBox(reader, value, place, &out->emplace());
}

absl::Status ReadDetection(JsonReader& reader, Value value, int64_t index, const ReadOptions& options, Detection* out) {
  static constexpr const char* kNames[] = {"image_id", "category_id", "keypoints",   "score",
                                           "bbox",     "caption",     "segmentation"};
  enum { kImageId, kCategoryId, kKeypoints, kScore, kBbox, kCaption, kSegmentation };
  const JsonPlace record = {"detections", index};
  const size_t offset = reader.OffsetOf(value);
  Fields fields(kNames, kBbox);
  bool has_caption = false, has_segmentation = false;
  RETURN_IF_ERROR(reader.Entries(value, record, [&](absl::string_view key, Value entry) {
    const int field = fields.See(key);
    if (field < 0) return reader.Pass(entry, record);
    const JsonPlace place = {"detections", index, kNames[field]};
    switch (field) {
      case kImageId:
        return reader.Integer(entry, place, &out->image_id);
      case kCategoryId:
        return reader.Integer(entry, place, &out->category_id);
      case kKeypoints:
        return ReadKeypoints(reader, entry, place, options, &out->keypoints);
      case kScore:
        return reader.Double(entry, place, &out->score);
      case kCaption:
        has_caption = true;
        return reader.Pass(entry, place);
      case kSegmentation:
        has_segmentation = true;
        return reader.Pass(entry, place);
      default:
        return ReadBoxOrNone(reader, entry, place, &out->bbox);
    }
  }));
  RETURN_IF_ERROR(fields.CheckComplete(reader, offset, record));
  // the official tool takes the kind of a file from its first entry
  if (index == 0 && (has_caption || (has_segmentation && !out->bbox.has_value()))) {
    return reader.ErrorAt(offset, record,
                          absl::StrCat("expected keypoint results, found '", has_caption ? "caption" : "segmentation",
                                       has_caption ? "'" : "' without 'bbox'"));
  }
  return absl::OkStatus();
}

// Reads an array of records into `out`, each by read(value, index, record).
template <typename Record, typename Read>
absl::Status ReadList(JsonReader& reader, Value value, const char* list, std::vector<Record>* out, Read read) {
  out->clear();
  return reader.Elements(value, {list},
                         [&](int64_t index, Value element) { return read(element, index, &out->emplace_back()); });
}

}  // namespace

absl::StatusOr<Dataset> ParseDataset(std::string json, const std::string& source, const ReadOptions& options) {
  static constexpr const char* kNames[] = {"images", "annotations", "categories"};
  enum { kImages, kAnnotations, kCategories };
  JsonReader reader(source, std::move(json));
  Dataset dataset;
  RETURN_IF_ERROR(reader.Run([&](Value root) {
    const size_t offset = reader.OffsetOf(root);
    Fields fields(kNames, 3);
    RETURN_IF_ERROR(reader.Entries(root, {}, [&](absl::string_view key, Value entry) {
      switch (fields.See(key)) {
        case kImages:
          return ReadList(reader, entry, "images", &dataset.images, [&](Value value, int64_t index, Image* image) {
            return ReadImage(reader, value, index, image);
          });
        case kAnnotations:
          return ReadList(reader, entry, "annotations", &dataset.annotations,
                          [&](Value value, int64_t index, Annotation* annotation) {
                            return ReadAnnotation(reader, value, index, options, annotation);
                          });
        case kCategories:
          return ReadList(reader, entry, "categories", &dataset.categories,
                          [&](Value value, int64_t index, Category* category) {
                            return ReadCategory(reader, value, index, category);
                          });
        default:
          return reader.Pass(entry, {"annotation file"});
      }
    }));
    return fields.CheckComplete(reader, offset, {"annotation file"});
  }));
  return dataset;
}

absl::StatusOr<std::vector<Detection>> ParseDetections(std::string json, const std::string& source,
                                                       const ReadOptions& options) {
  JsonReader reader(source, std::move(json));
  std::vector<Detection> detections;
  RETURN_IF_ERROR(reader.Run([&](Value root) {
    return ReadList(reader, root, "detections", &detections, [&](Value value, int64_t index, Detection* detection) {
      return ReadDetection(reader, value, index, options, detection);
    });
  }));
  return detections;
}

absl::StatusOr<Dataset> ReadDataset(const std::string& path, const ReadOptions& options) {
  ASSIGN_OR_RETURN(std::string json, base::ReadFile(path));
  return ParseDataset(std::move(json), path, options);
}

absl::StatusOr<std::vector<Detection>> ReadDetections(const std::string& path, const ReadOptions& options) {
  ASSIGN_OR_RETURN(std::string json, base::ReadFile(path));
  return ParseDetections(std::move(json), path, options);
}

}  // namespace eval
