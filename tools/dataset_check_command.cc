#include "tools/dataset_check_command.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/progress.h"
#include "base/status.h"
#include "eval/dataset_flag.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/check_dataset.h"

namespace grouppose {
namespace {

absl::StatusOr<PhotoCheck> PhotoCheckOf(const std::string& name) {
  if (name == "decode") return PhotoCheck::kDecode;
  if (name == "exist") return PhotoCheck::kExist;
  if (name == "none") return PhotoCheck::kNone;
  const std::string nearest = base::NearestName(name, {"decode", "exist", "none"});
  return absl::InvalidArgumentError(absl::StrCat("--images: expected decode, exist or none, found '", name, "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

// Whose layout a folder has: that of which an annotation file is there.
absl::StatusOr<eval::KeypointDataset> DatasetIn(const std::string& root) {
  if (!base::IsDirectory(root)) return absl::NotFoundError(absl::StrCat(root, ": there is no such folder"));
  for (const eval::KeypointDataset* dataset : {&eval::Coco(), &eval::CrowdPose()}) {
    for (const eval::DatasetSplit& split : dataset->splits) {
      if (base::FileExists(base::JoinPath(root, split.annotations))) return *dataset;
    }
  }
  // before `dataset concat`
  if (base::FileExists(base::JoinPath(root, "json/crowdpose_train.json"))) return eval::CrowdPose();
  return absl::NotFoundError(
      absl::StrCat(root,
                   ": expected annotations/person_keypoints_train2017.json (COCO's layout), "
                   "json/crowdpose_test.json (CrowdPose's) or --dataset=FILE, a dataset.textproto with splits"));
}

}  // namespace

absl::Status RunDatasetCheck(const std::vector<std::string>& arguments) {
  CheckOptions options;
  std::string dataset, photos = "decode";
  bool quiet = false;
  base::Flags flags("grouppose dataset check",
                    "Says what is missing, broken or inconsistent in a data set of photos. Exit 1 where something is "
                    "broken; warnings do not fail.");
  flags.Required("data", &options.root, "ROOT", "folder with annotations and images");
  flags.Optional(
      "dataset", &dataset, "coco|crowdpose|FILE",
      "what the keypoints are and where files lie; FILE: a dataset.textproto; where it is not given, COCO or "
      "CrowdPose as the folder has it");
  flags.Optional("split", &options.split, "NAME", "one split, such as train; all where it is not given");
  flags.Optional("images", &photos, "decode|exist|none",
                 "decode every photo and compare it with its annotation, look whether it is there, or read annotations "
                 "alone");
  flags.Switch("quiet", &quiet, "no progress on stderr");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  options.root = base::UserPath(options.root);
  ASSIGN_OR_RETURN(options.photos, PhotoCheckOf(photos));
  ASSIGN_OR_RETURN(options.description, dataset.empty() ? DatasetIn(options.root) : eval::DatasetOfFlag(dataset));
  options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));

  std::unique_ptr<base::Progress> progress;  // its total is known at the first photo
  options.on_progress = [&](int64_t done, int64_t total) {
    base::ProgressOptions style;
    if (quiet) style.style = base::ProgressOptions::kQuiet;
    if (progress == nullptr) progress = std::make_unique<base::Progress>("photos", total, style);
    progress->Update(done);
  };
  ASSIGN_OR_RETURN(const CheckReport report, CheckDataset(options));
  if (progress != nullptr) progress->Finish();
  std::fputs(FormatReport(report).c_str(), stdout);
  if (report.usable()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("dataset check: ", options.root, " is broken"));
}

}  // namespace grouppose
