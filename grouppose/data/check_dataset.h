// What is missing, broken or inconsistent in a data set of photos, before hours are spent on it: `grouppose dataset
// check`.
//
//   CheckOptions options;
//   options.root = "/data/hand";
//   options.description = hand;
//   ASSIGN_OR_RETURN(const CheckReport report, CheckDataset(options));
//   std::cout << FormatReport(report);
//   if (!report.usable()) ...
#ifndef GROUPPOSE_DATA_CHECK_DATASET_H_
#define GROUPPOSE_DATA_CHECK_DATASET_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/keypoint_dataset.h"

namespace grouppose {

// What is done about the photos: decoded, which takes some milliseconds each; looked for; left alone.
enum class PhotoCheck { kDecode, kExist, kNone };

struct CheckOptions {
  std::string root;
  eval::KeypointDataset description = eval::Coco();
  std::string split;  // "": all of the description
  PhotoCheck photos = PhotoCheck::kDecode;
  int threads = 1;  // that look at photos; the report is the same for any number
  std::function<void(int64_t done, int64_t total)> on_progress;  // photos; called by one thread at a time
};

enum class Severity {
  kBroken,   // training or evaluation fails on it, or is wrong
  kWarning,  // works, and is worth a look
  kNote,     // often meant
};

// Of one kind, in one split.
struct Finding {
  Severity severity = Severity::kBroken;
  std::string split;                  // "" where it concerns several
  std::string what;                   // "photos are missing"
  int64_t count = 0;                  // how often
  std::vector<std::string> examples;  // the first few, in the order of the file
};

struct SplitCounts {
  std::string name;
  int64_t images = 0, annotations = 0;
  int64_t persons = 0;    // that are trained on and counted in evaluation: no crowds, num_keypoints > 0
  int64_t crowds = 0;     // regions of many persons
  int64_t keypoints = 0;  // labelled, over all annotations
};

struct CheckReport {
  std::string root, dataset;
  int num_keypoints = 0;
  std::vector<SplitCounts> splits;  // that could be read
  std::vector<Finding> findings;    // the broken ones first, then by split and kind

  // Nothing is broken.
  bool usable() const;
};

// NotFound where the root is no folder, InvalidArgument for a split that the description does not have. All else that
// is wrong is in the report.
absl::StatusOr<CheckReport> CheckDataset(const CheckOptions& options);

// A table of the splits, the findings, and in the last line the verdict.
std::string FormatReport(const CheckReport& report);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_CHECK_DATASET_H_
