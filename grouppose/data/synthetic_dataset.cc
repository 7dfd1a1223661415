#include "grouppose/data/synthetic_dataset.h"

#include "absl/strings/str_format.h"
#include "base/check.h"

namespace grouppose {
namespace {

eval::Category PersonCategory() {
  const eval::KeypointDataset& coco = eval::Coco();
  eval::Category category;
  category.name = "person";
  category.supercategory = "person";
  category.keypoints = coco.names;
  // files count joints from 1
  for (const auto& [from, to] : coco.skeleton) category.skeleton.emplace_back(from + 1, to + 1);
  return category;
}

eval::Annotation ToAnnotation(const Person& person, int64_t image_id, int64_t id) {
  eval::Annotation annotation;
  annotation.id = id;
  annotation.image_id = image_id;
  annotation.bbox = person.box;
  annotation.area = person.area;
  annotation.iscrowd = person.is_crowd;
  annotation.num_keypoints = person.num_keypoints;
  annotation.keypoints = person.keypoints;
  return annotation;
}

}  // namespace

SyntheticDataset::SyntheticDataset(const SyntheticPeopleOptions& options, uint64_t seed, int64_t count) {
  samples_.reserve(count);
  for (int64_t i = 0; i < count; ++i) samples_.push_back(DrawSyntheticPeople(options, seed, i));
  ground_truth_ = ToCoco(samples_);
}

absl::StatusOr<Sample> SyntheticDataset::Get(int64_t index) const {
  GROUPPOSE_CHECK(index >= 0 && index < size(), "index ", index, " of ", size());
  return samples_[index];
}

eval::Dataset ToCoco(const std::vector<Sample>& samples) {
  eval::Dataset dataset;
  dataset.categories.push_back(PersonCategory());
  for (const Sample& sample : samples) {
    eval::Image image;
    image.id = sample.image_id;
    image.width = sample.image.width;
    image.height = sample.image.height;
    image.file_name = absl::StrFormat("%012d.png", sample.image_id);
    dataset.images.push_back(image);
    for (const Person& person : sample.persons) {
      const int64_t id = static_cast<int64_t>(dataset.annotations.size()) + 1;
      dataset.annotations.push_back(ToAnnotation(person, sample.image_id, id));
    }
  }
  return dataset;
}

}  // namespace grouppose
