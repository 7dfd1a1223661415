#include "eval/explain_command.h"

#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "eval/dataset_flag.h"
#include "eval/evaluator.h"
#include "eval/explain.h"
#include "eval/explain_cases.h"
#include "eval/explain_format.h"
#include "eval/explain_html.h"
#include "eval/input_files.h"
#include "eval/quirks_flag.h"

namespace eval {
namespace {

struct ExplainFlags {
  std::string dataset_name = "coco", quirks = "official", json_path, html_path, images, drawn;
  int64_t cases = 3, threads = 0;
  EvaluatorOptions options;
};

absl::StatusOr<bool> ParseFlags(const std::vector<std::string>& arguments, ExplainFlags* values) {
  base::Flags flags("pose_eval explain", kExplainDescription);
  flags.Optional("dataset", &values->dataset_name, kDatasetValues, kDatasetHelp);
  flags.Required("gt", &values->options.annotations_name, "GT.json", "annotations, in COCO's format");
  flags.Required("dt", &values->options.detections_name, "DT.json", "detections, in COCO's format for results");
  flags.Optional("quirks", &values->quirks, kQuirksValues, kQuirksHelp);
  flags.Optional("json", &values->json_path, "OUT.json",
                 "also write everything there, every person's keypoints included");
  flags.Optional("html", &values->html_path, "OUT.html", "also write a page with plots");
  flags.Optional("images", &values->images, "DIR", "folder of the photos: cases of each error are drawn on them");
  flags.Optional("drawn", &values->drawn, "DIR", "with --images: folder for the drawings (SVG); --html holds them too");
  flags.Optional("cases", &values->cases, "N", "with --images: cases to draw of each kind of error");
  flags.Optional("threads", &values->threads, "N", "threads; 0 takes all cores; the result is the same");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return false;
  if (values->images.empty() && !values->drawn.empty()) {
    return absl::InvalidArgumentError("--drawn: expected --images=DIR with it");
  }
  if (!values->images.empty() && values->drawn.empty() && values->html_path.empty()) {
    return absl::InvalidArgumentError("--images: expected --html=OUT.html or --drawn=DIR with it");
  }
  constexpr int64_t kMostCases = 100;  // each holds a photo
  if (values->cases < 1 || values->cases > kMostCases) {
    return absl::InvalidArgumentError(absl::StrCat("--cases: expected 1 to ", kMostCases, ", found ", values->cases));
  }
  if (values->threads < 0) {
    return absl::InvalidArgumentError(absl::StrCat("--threads: expected 0 or more, found ", values->threads));
  }
  values->options.threads = base::ThreadsOfFlag(values->threads);
  ASSIGN_OR_RETURN(values->options.dataset, DatasetOfFlag(values->dataset_name));
  ASSIGN_OR_RETURN(values->options.quirks, QuirksOfFlag(values->quirks));
  return true;
}

absl::StatusOr<Drawings> Draw(const ExplainFlags& flags, const Explanation& explanation, const Dataset& dataset,
                              const DetectionTable& detections) {
  if (flags.images.empty()) return Drawings();
  const std::string folder = base::UserPath(flags.images);
  ASSIGN_OR_RETURN(const auto has_photo, PhotosIn(folder, dataset));
  const std::vector<ErrorCase> cases =
      ChooseCases(explanation, dataset, detections, static_cast<int>(flags.cases), has_photo);
  Drawings drawings = DrawCases(cases, explanation, dataset, detections, folder);
  for (const std::string& path : drawings.unreadable) {
    std::fprintf(stderr, "pose_eval: note: %s: expected a JPEG or a PNG; nothing is drawn on it\n", path.c_str());
  }
  return drawings;
}

absl::Status WriteDrawings(const Drawings& drawings, const std::string& folder) {
  RETURN_IF_ERROR(base::MakeDirectories(folder));
  for (const DrawnCase& drawn : drawings.cases) {
    RETURN_IF_ERROR(base::WriteFileAtomically(base::JoinPath(folder, drawn.name + ".svg"), drawn.svg));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunExplain(const std::vector<std::string>& arguments) {
  ExplainFlags flags;
  ASSIGN_OR_RETURN(const bool go_on, ParseFlags(arguments, &flags));
  if (!go_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const InputFiles input,
                   ReadInputFiles(flags.options.annotations_name, {flags.options.detections_name},
                                  flags.options.dataset.num_keypoints(), flags.options.threads));
  const Dataset& dataset = input.dataset;
  const DetectionTable& detections = input.detections[0];
  ASSIGN_OR_RETURN(const Explanation explanation, ExplainTable(dataset, detections, flags.options));
  ASSIGN_OR_RETURN(const Drawings drawings, Draw(flags, explanation, dataset, detections));

  std::fputs(FormatExplanationText(explanation).c_str(), stdout);
  if (!flags.json_path.empty()) {
    RETURN_IF_ERROR(
        base::WriteFileAtomically(base::UserPath(flags.json_path), FormatExplanationJson(explanation, dataset)));
  }
  if (!flags.drawn.empty()) RETURN_IF_ERROR(WriteDrawings(drawings, base::UserPath(flags.drawn)));
  if (flags.html_path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(base::UserPath(flags.html_path), FormatExplanationHtml(explanation, drawings.cases));
}

}  // namespace eval
