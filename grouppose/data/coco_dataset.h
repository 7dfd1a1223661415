// Photos annotated in COCO's format, wherever the description of the data set says that they lie:
//
//   ROOT/annotations/person_keypoints_{train,val}2017.json   COCO, splits "train" and "val"
//   ROOT/images/{train,val}2017/*.jpg
//
//   ROOT/json/crowdpose_{trainval,test}.json                 CrowdPose, splits "train" (trainval) and "test"
//   ROOT/images/*.jpg
//
//   CocoOptions options;
//   options.root = "/data/coco";
//   options.split = "train";
//   ASSIGN_OR_RETURN(std::unique_ptr<CocoDataset> dataset, CocoDataset::Open(options));
#ifndef GROUPPOSE_DATA_COCO_DATASET_H_
#define GROUPPOSE_DATA_COCO_DATASET_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/dataset.h"

namespace grouppose {

// Which images are used. A person is labelled when its annotation is no crowd and has num_keypoints > 0, both as the
// file says; the rules look at these persons only, before boxes are clamped. 0 switches a rule off.
struct ImageFilter {
  int min_persons = 0, max_persons = 0;  // labelled persons in the image
  int min_num_keypoints = 0;             // that every labelled person has at least
  double min_area = 0;                   // that the annotated area of every labelled person exceeds; square pixels
  int64_t first_images = 0;              // of the images left, those with the smallest ids
};

struct CocoOptions {
  std::string root;
  eval::KeypointDataset description = eval::Coco();
  std::string split = "train";
  ImageFilter filter;
  // Keeps decoded images: a COCO photo is about 0.9 MB.
  bool cache_images = false;
};

// An annotation as the person to train on. Its box is clamped to the image; none for a crowd, for a person without a
// labelled joint and where nothing of the box is left.
std::optional<Person> ToPerson(const eval::Annotation& annotation, const ImageSize& size, eval::AreaRule area_rule);

// Images in ascending order of their ids: of "train" those with a labelled keypoint (a sum of num_keypoints above 0
// over all annotations), of the others all.
//
// A sample's persons are the labelled ones in file order. Their boxes are clamped to the image, and a box that is empty
// then drops the person. The area that losses measure by is the annotated one; where the description's area rule is
// kBoxFraction or the annotation has none, that of the clamped box (evaluation takes a share of the box).
class CocoDataset : public Dataset {
 public:
  // Reads the annotations; photos are read when they are asked for. NotFound with the path where a file is missing.
  static absl::StatusOr<std::unique_ptr<CocoDataset>> Open(const CocoOptions& options);

  int64_t size() const override { return static_cast<int64_t>(ground_truth_.images.size()); }
  absl::StatusOr<Sample> Get(int64_t index) const override;
  const eval::KeypointDataset& description() const override { return options_.description; }
  const eval::Dataset& ground_truth() const override { return ground_truth_; }

 private:
  CocoDataset(const CocoOptions& options, std::string image_folder, eval::Dataset ground_truth);
  absl::StatusOr<Image> ReadPhoto(int64_t index) const;

  CocoOptions options_;
  std::string image_folder_;
  eval::Dataset ground_truth_;
  std::vector<std::vector<Person>> persons_;  // one list an image

  // Filled by Get where photos are kept; an image without pixels was not read yet.
  mutable std::mutex cache_mutex_;
  mutable std::vector<Image> cache_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_COCO_DATASET_H_
