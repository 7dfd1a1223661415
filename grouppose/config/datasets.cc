#include "grouppose/config/datasets.h"

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/dataset_description.h"
#include "experiments/dataset_description.h"
#include "grouppose/config/options.h"
#include "grouppose/data/coco_dataset.h"
#include "grouppose/data/synthetic_dataset.h"

namespace grouppose::config {

absl::StatusOr<std::unique_ptr<Dataset>> OpenSynthetic(const experiments::SyntheticPeople& synthetic,
                                                       const std::string& split) {
  const SyntheticPeopleOptions options = SyntheticOptions(synthetic);
  if (split == "train") {
    return std::make_unique<SyntheticDataset>(options, synthetic.train_seed(), synthetic.train_images());
  }
  if (split == "tuning") {
    return std::make_unique<SyntheticDataset>(options, synthetic.tuning_seed(), synthetic.tuning_images());
  }
  if (split == "test") {
    return std::make_unique<SyntheticDataset>(options, synthetic.test_seed(), synthetic.test_images());
  }
  return absl::InvalidArgumentError(
      absl::StrCat("split '", split, "': synthetic people have the splits train, tuning and test"));
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const experiments::Data& data, const std::string& data_root,
                                                     const std::string& split) {
  if (data.source() == experiments::Data::SYNTHETIC) return OpenSynthetic(data.synthetic(), split);
  if (data_root.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--data=ROOT is required: the experiment's data are those of ", experiments::DatasetName(data)));
  }
  CocoOptions options;
  ASSIGN_OR_RETURN(options.description, eval::KeypointDatasetOf(data));
  options.root = data_root;
  options.split = split;
  if (split == "train") options.filter = FilterOptions(data.train_filter());
  // a few hundred photos fit into memory (a COCO photo is about 0.9 MB); a whole split does not
  options.cache_images = data.train_filter().first_images() > 0 && data.train_filter().first_images() <= 500;
  ASSIGN_OR_RETURN(std::unique_ptr<CocoDataset> dataset, CocoDataset::Open(options));
  if (dataset->size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(data_root, ": no image of the split '", split, "' is left after data.train_filter"));
  }
  return std::unique_ptr<Dataset>(std::move(dataset));
}

absl::StatusOr<std::string> DataSha256(const Dataset& dataset, bool with_pixels) {
  std::string hashes = base::Sha256(eval::FormatDataset(dataset.ground_truth()));
  for (int64_t index = 0; with_pixels && index < dataset.size(); ++index) {
    ASSIGN_OR_RETURN(const Sample sample, dataset.Get(index));
    hashes += base::Sha256(std::string(sample.image.pixels.begin(), sample.image.pixels.end()));
  }
  return base::Sha256(hashes);
}

}  // namespace grouppose::config
