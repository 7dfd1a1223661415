#include "grouppose/data/check_annotations.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"

namespace grouppose {
namespace {

// Examples of a finding: enough to see what they have in common, few enough for a line.
constexpr size_t kExamples = 3;

// What training and evaluation call a person (model/postprocess.h).
constexpr int64_t kPersonCategory = 1;

using ImagesById = std::unordered_map<int64_t, const eval::Image*>;

// Adds findings of one split.
class Split {
 public:
  Split(const std::string& name, Findings* findings) : name_(name), findings_(findings) {}
  void Broken(bool found, const std::string& what, const std::string& example) const {
    if (found) findings_->Add(Severity::kBroken, name_, what, example);
  }
  void Warning(bool found, const std::string& what, const std::string& example) const {
    if (found) findings_->Add(Severity::kWarning, name_, what, example);
  }
  void Note(bool found, const std::string& what, const std::string& example) const {
    if (found) findings_->Add(Severity::kNote, name_, what, example);
  }

 private:
  const std::string& name_;
  Findings* findings_;
};

ImagesById CheckImages(const eval::KeypointDataset& description, const eval::Dataset& dataset, const Split& split) {
  ImagesById images;
  for (const eval::Image& image : dataset.images) {
    const std::string name = absl::StrCat("image ", image.id);
    split.Broken(!images.emplace(image.id, &image).second, "images repeat an id", name);
    split.Broken(image.width <= 0 || image.height <= 0, "images have no size", name);
    split.Broken(image.file_name.empty(), "images have no file_name", name);
    split.Broken(description.summary_rule == eval::SummaryRule::kByCrowdIndex && !image.crowd_index.has_value(),
                 "images have no crowdIndex", name);
  }
  split.Broken(dataset.images.empty(), "list of images is empty", "images");
  return images;
}

int64_t Labelled(const eval::Annotation& annotation) {
  int64_t labelled = 0;
  for (size_t k = 2; k < annotation.keypoints.size(); k += 3) labelled += annotation.keypoints[k] > 0;
  return labelled;
}

bool AllFinite(const eval::Annotation& annotation) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return std::all_of(annotation.bbox.begin(), annotation.bbox.end(), finite) &&
         std::all_of(annotation.keypoints.begin(), annotation.keypoints.end(), finite) &&
         finite(annotation.area.value_or(0));
}

void CheckBox(const eval::Annotation& annotation, const eval::Image& image, const std::string& name,
              const Split& split) {
  const auto [x, y, width, height] = annotation.bbox;
  const double right = static_cast<double>(image.width), bottom = static_cast<double>(image.height);
  const bool empty = width <= 0 || height <= 0;
  split.Warning(empty, "boxes are empty: the person is not trained on", name);
  const bool outside = x >= right || y >= bottom || x + width <= 0 || y + height <= 0;
  split.Warning(!empty && outside, "boxes lie outside their image: the person is not trained on", name);
  // a pixel more comes of rounding
  const bool beyond = x < -1 || y < -1 || x + width > right + 1 || y + height > bottom + 1;
  split.Warning(!empty && !outside && beyond, "boxes reach out of their image by more than a pixel", name);
}

void CheckKeypoints(const eval::Annotation& annotation, const eval::Image& image, const std::string& name,
                    const Split& split) {
  const double right = static_cast<double>(image.width), bottom = static_cast<double>(image.height);
  bool outside = false, odd = false;
  for (size_t k = 0; k + 2 < annotation.keypoints.size(); k += 3) {
    const double x = annotation.keypoints[k], y = annotation.keypoints[k + 1], v = annotation.keypoints[k + 2];
    outside = outside || (v > 0 && (x < 0 || y < 0 || x > right || y > bottom));
    odd = odd || (v != 0 && v != 1 && v != 2);
  }
  split.Warning(outside, "annotations have labelled keypoints outside their image", name);
  split.Warning(odd, "annotations have a visibility other than 0, 1 and 2", name);
}

// num_keypoints decides who is a person; data sets may leave some keypoints out of it (CrowdPose: head and neck).
void CheckCount(const eval::Annotation& annotation, const std::string& name, const Split& split) {
  if (annotation.iscrowd) return;
  const int64_t said = annotation.num_keypoints, labelled = Labelled(annotation);
  split.Warning(said == 0 && labelled > 0, "annotations have num_keypoints 0 and labelled keypoints: no person", name);
  split.Warning(said > 0 && labelled == 0, "annotations have a num_keypoints above 0 and no labelled keypoint", name);
  split.Note(said > 0 && labelled > 0 && said != labelled,
             "annotations have a num_keypoints that is not the number of labelled keypoints",
             absl::StrCat(name, ": ", said, ", labelled ", labelled));
}

// What the annotations of one person or crowd say.
void CheckAnnotation(const eval::KeypointDataset& description, const eval::Annotation& annotation,
                     const eval::Image& image, const Split& split) {
  const std::string name = absl::StrCat("annotation ", annotation.id, " of image ", annotation.image_id);
  const size_t numbers = annotation.keypoints.size();
  const bool right_number = numbers == 3u * description.num_keypoints();
  split.Broken(!right_number,
               absl::StrCat("annotations have another number of keypoints than ", description.num_keypoints()),
               absl::StrCat(name, " has ", numbers / 3));
  const bool finite = AllFinite(annotation);
  split.Broken(!finite, "annotations have a number that is not finite", name);
  split.Broken(description.area_rule == eval::AreaRule::kAnnotated && !annotation.area.has_value(),
               "annotations have no area", name);
  split.Warning(annotation.category_id != kPersonCategory,
                "annotations are of another category than 1, which is what models find",
                absl::StrCat(name, " is of ", annotation.category_id));
  if (!finite || !right_number) return;
  CheckCount(annotation, name, split);
  if (image.width <= 0 || image.height <= 0) return;
  if (!annotation.iscrowd) CheckBox(annotation, image, name, split);
  CheckKeypoints(annotation, image, name, split);
}

void CheckCategories(const eval::KeypointDataset& description, const eval::Dataset& dataset, const Split& split) {
  for (const eval::Category& category : dataset.categories) {
    const bool named = !category.keypoints.empty();
    split.Warning(named && category.id == kPersonCategory && category.keypoints != description.names,
                  "category has other names of keypoints than the description, or another order of them",
                  absl::StrCat("category ", category.id, " '", category.name, "'"));
  }
}

}  // namespace

void Findings::Add(Severity severity, const std::string& split, const std::string& what, const std::string& example) {
  auto found = std::find_if(findings_.begin(), findings_.end(), [&](const Finding& finding) {
    return finding.severity == severity && finding.split == split && finding.what == what;
  });
  if (found == findings_.end()) found = findings_.insert(found, Finding{severity, split, what, 0, {}});
  ++found->count;
  if (found->examples.size() < kExamples) found->examples.push_back(example);
}

std::vector<Finding> Findings::Sorted() const {
  std::vector<Finding> sorted = findings_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
  return sorted;
}

SplitCounts CheckAnnotations(const eval::KeypointDataset& description, const std::string& name,
                             const eval::Dataset& dataset, Findings* findings) {
  const Split split(name, findings);
  const ImagesById images = CheckImages(description, dataset, split);
  CheckCategories(description, dataset, split);
  SplitCounts counts;
  counts.name = name;
  counts.images = static_cast<int64_t>(dataset.images.size());
  counts.annotations = static_cast<int64_t>(dataset.annotations.size());
  std::unordered_set<int64_t> ids, annotated;
  for (const eval::Annotation& annotation : dataset.annotations) {
    counts.crowds += annotation.iscrowd;
    counts.persons += !annotation.iscrowd && annotation.num_keypoints > 0;
    counts.keypoints += Labelled(annotation);
    annotated.insert(annotation.image_id);
    split.Broken(!ids.insert(annotation.id).second, "annotations repeat an id",
                 absl::StrCat("annotation ", annotation.id));
    split.Warning(annotation.id == 0, "annotation has id 0, which the official evaluation cannot match",
                  "annotation 0");
    const auto image = images.find(annotation.image_id);
    split.Broken(image == images.end(), "annotations are of an image that is not listed",
                 absl::StrCat("annotation ", annotation.id, " of image ", annotation.image_id));
    if (image != images.end()) CheckAnnotation(description, annotation, *image->second, split);
  }
  for (const eval::Image& image : dataset.images) {
    split.Note(annotated.count(image.id) == 0, "images have no annotation", absl::StrCat("image ", image.id));
  }
  split.Broken(counts.persons == 0 && !dataset.images.empty(), "person is missing",
               "no annotation has num_keypoints above 0");
  return counts;
}

}  // namespace grouppose
