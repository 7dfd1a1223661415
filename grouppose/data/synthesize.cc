#include "grouppose/data/synthesize.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "grouppose/data/image_files.h"
#include "grouppose/data/synthetic_dataset.h"

namespace grouppose {
namespace {

std::string AnnotationsPath(const SynthesizeOptions& options, const std::string& split) {
  return base::JoinPath(options.output, absl::StrCat("annotations/person_keypoints_", split, "2017.json"));
}

absl::Status WriteSplit(const SynthesizeOptions& options, const std::string& split, uint64_t seed, int64_t count) {
  const std::string images = base::JoinPath(options.output, absl::StrCat("images/", split, "2017"));
  RETURN_IF_ERROR(base::MakeDirectories(images));
  const SyntheticDataset dataset(options.people, seed, count);
  for (int64_t i = 0; i < dataset.size(); ++i) {
    ASSIGN_OR_RETURN(const Sample sample, dataset.Get(i));
    RETURN_IF_ERROR(WritePng(base::JoinPath(images, dataset.ground_truth().images[i].file_name), sample.image));
  }
  RETURN_IF_ERROR(base::MakeDirectories(base::JoinPath(options.output, "annotations")));
  return eval::WriteDataset(AnnotationsPath(options, split), dataset.ground_truth());
}

}  // namespace

absl::Status Synthesize(const SynthesizeOptions& options) {
  if (options.train_images < 0 || options.val_images < 0) {
    return absl::InvalidArgumentError("a number of images is negative");
  }
  if (options.train_seed == options.val_seed) {
    return absl::InvalidArgumentError(absl::StrCat("training and validation images both have seed ", options.val_seed,
                                                   ", expected two different seeds"));
  }
  // a real COCO may lie there
  for (const char* split : {"train", "val"}) {
    const std::string annotations = AnnotationsPath(options, split);
    if (base::FileExists(annotations)) {
      return absl::AlreadyExistsError(absl::StrCat(annotations, ": is there already; expected another output folder"));
    }
  }
  RETURN_IF_ERROR(WriteSplit(options, "train", options.train_seed, options.train_images));
  return WriteSplit(options, "val", options.val_seed, options.val_images);
}

}  // namespace grouppose
