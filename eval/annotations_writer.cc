#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "eval/annotations.h"
#include "eval/json_text.h"

namespace eval {
namespace {

// Writes `records` as an array with one record a line, each by append(record, out).
template <typename Record, typename Append>
void AppendLines(const std::vector<Record>& records, Append append, std::string* out) {
  out->append("[");
  for (size_t i = 0; i < records.size(); ++i) {
    out->append(i == 0 ? "\n" : ",\n");
    append(records[i], out);
  }
  out->append("\n]");
}

void AppendImage(const Image& image, std::string* out) {
  absl::StrAppend(out, "{\"id\":", image.id, ",\"width\":", image.width, ",\"height\":", image.height,
                  ",\"file_name\":");
  AppendJsonString(image.file_name, out);
  if (image.crowd_index.has_value()) {
    out->append(",\"crowdIndex\":");
    AppendJsonDouble(*image.crowd_index, out);
  }
  out->append("}");
}

void AppendAnnotation(const Annotation& annotation, std::string* out) {
  absl::StrAppend(out, "{\"id\":", annotation.id, ",\"image_id\":", annotation.image_id,
                  ",\"category_id\":", annotation.category_id, ",\"iscrowd\":", annotation.iscrowd ? 1 : 0,
                  ",\"bbox\":");
  AppendJsonDoubles(annotation.bbox.data(), annotation.bbox.size(), out);
  if (annotation.area.has_value()) {
    out->append(",\"area\":");
    AppendJsonDouble(*annotation.area, out);
  }
  absl::StrAppend(out, ",\"num_keypoints\":", annotation.num_keypoints, ",\"keypoints\":");
  AppendJsonDoubles(annotation.keypoints.data(), annotation.keypoints.size(), out);
  out->append("}");
}

void AppendCategory(const Category& category, std::string* out) {
  absl::StrAppend(out, "{\"id\":", category.id, ",\"name\":");
  AppendJsonString(category.name, out);
  out->append(",\"supercategory\":");
  AppendJsonString(category.supercategory, out);
  out->append(",\"keypoints\":[");
  for (size_t i = 0; i < category.keypoints.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonString(category.keypoints[i], out);
  }
  out->append("],\"skeleton\":[");
  for (size_t i = 0; i < category.skeleton.size(); ++i) {
    const auto [from, to] = category.skeleton[i];
    absl::StrAppend(out, i > 0 ? "," : "", "[", from, ",", to, "]");
  }
  out->append("]}");
}

void AppendDetection(const Detection& detection, std::string* out) {
  absl::StrAppend(out, "{\"image_id\":", detection.image_id, ",\"category_id\":", detection.category_id,
                  ",\"keypoints\":");
  AppendJsonDoubles(detection.keypoints.data(), detection.keypoints.size(), out);
  out->append(",\"score\":");
  AppendJsonDouble(detection.score, out);
  if (detection.bbox.has_value()) {
    out->append(",\"bbox\":");
    AppendJsonDoubles(detection.bbox->data(), detection.bbox->size(), out);
  }
  out->append("}");
}

}  // namespace

std::string FormatDataset(const Dataset& dataset) {
  std::string out = "{\"images\":";
  AppendLines(dataset.images, AppendImage, &out);
  out.append(",\n\"annotations\":");
  AppendLines(dataset.annotations, AppendAnnotation, &out);
  out.append(",\n\"categories\":");
  AppendLines(dataset.categories, AppendCategory, &out);
  out.append("}\n");
  return out;
}

std::string FormatDetections(const std::vector<Detection>& detections) {
  std::string out;
  AppendLines(detections, AppendDetection, &out);
  out.append("\n");
  return out;
}

absl::Status WriteDataset(const std::string& path, const Dataset& dataset) {
  return base::WriteFileAtomically(path, FormatDataset(dataset));
}

absl::Status WriteDetections(const std::string& path, const std::vector<Detection>& detections) {
  return base::WriteFileAtomically(path, FormatDetections(detections));
}

}  // namespace eval
