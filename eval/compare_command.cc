#include "eval/compare_command.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/compare.h"
#include "eval/compare_format.h"
#include "eval/dataset_flag.h"
#include "eval/input_files.h"
#include "eval/quirks_flag.h"

namespace eval {

absl::Status RunCompare(const std::vector<std::string>& arguments) {
  CompareOptions options;
  std::string dataset_name = "coco", quirks = "official", json_path, html_path;
  int64_t resamples = options.resamples, seed = 0, threads = 0;
  base::Flags flags("pose_eval compare", kCompareDescription);
  flags.Optional("dataset", &dataset_name, kDatasetValues, kDatasetHelp);
  flags.Required("gt", &options.annotations_name, "GT.json", "annotations, in COCO's format");
  flags.Required("a", &options.a_name, "A.json", "detections to compare with, in COCO's format for results");
  flags.Required("b", &options.b_name, "B.json", "detections to judge: verdicts are of these");
  flags.Optional("quirks", &quirks, kQuirksValues, kQuirksHelp);
  flags.Optional("resamples", &resamples, "N", "how often the images are drawn anew");
  flags.Optional("seed", &seed, "N", "names the draws; the same seed gives the same bytes");
  flags.Optional("threads", &threads, "N", "0 takes one a core; the result is the same");
  flags.Optional("json", &json_path, "OUT.json", "also write the numbers there, to the last digit");
  flags.Optional("html", &html_path, "OUT.html", "also write a page");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  // ten million resamples of a summary fill the memory of a laptop
  constexpr int64_t kMostResamples = 10'000'000, kMostThreads = 1024;
  if (resamples < 1 || resamples > kMostResamples) {
    return absl::InvalidArgumentError(
        absl::StrCat("--resamples: expected 1 to ", kMostResamples, ", found ", resamples));
  }
  if (threads < 0 || threads > kMostThreads) {
    return absl::InvalidArgumentError(absl::StrCat("--threads: expected 0 to ", kMostThreads, ", found ", threads));
  }
  if (seed < 0) return absl::InvalidArgumentError(absl::StrCat("--seed: expected 0 or more, found ", seed));
  options.resamples = static_cast<int>(resamples);
  options.threads = base::ThreadsOfFlag(threads);
  options.seed = static_cast<uint64_t>(seed);
  ASSIGN_OR_RETURN(options.dataset, DatasetOfFlag(dataset_name));
  ASSIGN_OR_RETURN(options.quirks, QuirksOfFlag(quirks));

  ASSIGN_OR_RETURN(const InputFiles input, ReadInputFiles(options.annotations_name, {options.a_name, options.b_name},
                                                          options.dataset.num_keypoints(), options.threads));
  ASSIGN_OR_RETURN(const Comparison comparison,
                   CompareTables(input.dataset, input.detections[0], input.detections[1], options));

  std::fputs(FormatComparisonText(comparison).c_str(), stdout);
  if (!json_path.empty()) {
    RETURN_IF_ERROR(base::WriteFileAtomically(base::UserPath(json_path), FormatComparisonJson(comparison)));
  }
  if (html_path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(base::UserPath(html_path), FormatComparisonHtml(comparison));
}

}  // namespace eval
