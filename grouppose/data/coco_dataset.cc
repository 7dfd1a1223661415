#include "grouppose/data/coco_dataset.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/files.h"
#include "base/status.h"
#include "grouppose/data/image_files.h"

namespace grouppose {
namespace {

using AnnotationsOfImage = std::unordered_map<int64_t, std::vector<const eval::Annotation*>>;

bool IsLabelled(const eval::Annotation& annotation) { return !annotation.iscrowd && annotation.num_keypoints > 0; }

AnnotationsOfImage GroupByImage(const eval::Dataset& dataset) {
  AnnotationsOfImage grouped;
  for (const eval::Annotation& annotation : dataset.annotations) grouped[annotation.image_id].push_back(&annotation);
  return grouped;
}

bool HasKeypoints(const std::vector<const eval::Annotation*>& annotations) {
  return std::any_of(annotations.begin(), annotations.end(),
                     [](const eval::Annotation* annotation) { return annotation->num_keypoints > 0; });
}

bool Passes(const ImageFilter& filter, const std::vector<const eval::Annotation*>& annotations) {
  int persons = 0;
  for (const eval::Annotation* annotation : annotations) {
    if (!IsLabelled(*annotation)) continue;
    ++persons;
    if (annotation->num_keypoints < filter.min_num_keypoints) return false;
    if (filter.min_area > 0 && !(annotation->area.value_or(0) > filter.min_area)) return false;
  }
  return persons >= filter.min_persons && (filter.max_persons == 0 || persons <= filter.max_persons);
}

// The images that are used, by ascending id, and all annotations of these in file order.
eval::Dataset Select(eval::Dataset all, const CocoOptions& options) {
  const AnnotationsOfImage grouped = GroupByImage(all);
  static const std::vector<const eval::Annotation*>& kNone = *new std::vector<const eval::Annotation*>;
  std::sort(all.images.begin(), all.images.end(),
            [](const eval::Image& a, const eval::Image& b) { return a.id < b.id; });

  eval::Dataset selected;
  selected.categories = all.categories;
  std::unordered_set<int64_t> ids;
  for (const eval::Image& image : all.images) {
    if (options.filter.first_images > 0 && static_cast<int64_t>(ids.size()) == options.filter.first_images) break;
    const auto found = grouped.find(image.id);
    const auto& annotations = found == grouped.end() ? kNone : found->second;
    if (options.split == "train" && !HasKeypoints(annotations)) continue;
    if (!Passes(options.filter, annotations)) continue;
    selected.images.push_back(image);
    ids.insert(image.id);
  }
  for (eval::Annotation& annotation : all.annotations) {
    if (ids.count(annotation.image_id) > 0) selected.annotations.push_back(std::move(annotation));
  }
  return selected;
}

// Where the split lies.
absl::StatusOr<eval::DatasetSplit> SplitOf(const CocoOptions& options) {
  std::vector<std::string> names;
  for (const eval::DatasetSplit& split : options.description.splits) {
    if (split.name == options.split) return split;
    names.push_back(absl::StrCat("\"", split.name, "\""));
  }
  return absl::InvalidArgumentError(absl::StrCat("split is \"", options.split, "\", expected ",
                                                 absl::StrJoin(names, " or "), " of ", options.description.name));
}

}  // namespace

std::optional<Person> ToPerson(const eval::Annotation& annotation, const ImageSize& size, eval::AreaRule area_rule) {
  if (!IsLabelled(annotation)) return std::nullopt;
  const double width = static_cast<double>(size.width), height = static_cast<double>(size.height);
  const auto [x, y, w, h] = annotation.bbox;
  const double left = std::clamp(x, 0.0, width), right = std::clamp(x + w, 0.0, width);
  const double top = std::clamp(y, 0.0, height), bottom = std::clamp(y + h, 0.0, height);
  if (!(right > left && bottom > top)) return std::nullopt;
  Person person;
  person.box = {left, top, right - left, bottom - top};
  // a data set without areas takes the box, and so does an annotation without one
  const double box_area = person.box[2] * person.box[3];
  person.area = area_rule == eval::AreaRule::kAnnotated ? annotation.area.value_or(box_area) : box_area;
  person.keypoints = annotation.keypoints;
  person.num_keypoints = static_cast<int>(annotation.num_keypoints);
  return person;
}

absl::StatusOr<std::unique_ptr<CocoDataset>> CocoDataset::Open(const CocoOptions& options) {
  ASSIGN_OR_RETURN(const eval::DatasetSplit split, SplitOf(options));
  const std::string path = base::JoinPath(options.root, split.annotations);
  // the only file that CrowdPose does not come with
  if (absl::EndsWith(path, "crowdpose_trainval.json") && !base::FileExists(path)) {
    return absl::NotFoundError(absl::StrCat(path,
                                            ": there is no such file; `grouppose dataset concat` joins "
                                            "crowdpose_train.json and crowdpose_val.json into it"));
  }
  eval::ReadOptions read;
  read.num_keypoints = options.description.num_keypoints();
  ASSIGN_OR_RETURN(eval::Dataset all, eval::ReadDataset(path, read));
  eval::Dataset selected = Select(std::move(all), options);
  if (selected.images.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": found no image that the rules of this run keep"));
  }
  return std::unique_ptr<CocoDataset>(
      new CocoDataset(options, base::JoinPath(options.root, split.images), std::move(selected)));
}

CocoDataset::CocoDataset(const CocoOptions& options, std::string image_folder, eval::Dataset ground_truth)
    : options_(options),
      image_folder_(std::move(image_folder)),
      ground_truth_(std::move(ground_truth)),
      persons_(ground_truth_.images.size()),
      cache_(options.cache_images ? ground_truth_.images.size() : 0) {
  std::unordered_map<int64_t, size_t> index_of;
  for (size_t i = 0; i < ground_truth_.images.size(); ++i) index_of[ground_truth_.images[i].id] = i;
  for (const eval::Annotation& annotation : ground_truth_.annotations) {
    const size_t index = index_of.at(annotation.image_id);
    const eval::Image& image = ground_truth_.images[index];
    std::optional<Person> person = ToPerson(annotation, {image.height, image.width}, options_.description.area_rule);
    if (person.has_value()) persons_[index].push_back(*std::move(person));
  }
}

absl::StatusOr<Image> CocoDataset::ReadPhoto(int64_t index) const {
  const eval::Image& record = ground_truth_.images[index];
  const std::string path = base::JoinPath(image_folder_, record.file_name);
  ASSIGN_OR_RETURN(Image image, ReadImage(path));
  if (image.height != record.height || image.width != record.width) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": found a picture of ", image.width, " x ", image.height,
                                                   ", expected ", record.width, " x ", record.height, " as image ",
                                                   record.id, " is annotated"));
  }
  return image;
}

absl::StatusOr<Sample> CocoDataset::Get(int64_t index) const {
  GROUPPOSE_CHECK(index >= 0 && index < size(), "index ", index, " of ", size());
  Sample sample;
  sample.image_id = ground_truth_.images[index].id;
  sample.persons = persons_[index];
  if (options_.cache_images) {
    const std::lock_guard<std::mutex> lock(cache_mutex_);
    sample.image = cache_[index];
  }
  if (sample.image.pixels.empty()) {
    ASSIGN_OR_RETURN(sample.image, ReadPhoto(index));
    if (options_.cache_images) {
      const std::lock_guard<std::mutex> lock(cache_mutex_);
      cache_[index] = sample.image;
    }
  }
  sample.original_size = {sample.image.height, sample.image.width};
  return sample;
}

}  // namespace grouppose
