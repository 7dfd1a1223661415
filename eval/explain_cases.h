// The cases that teach most about a result: of each kind of error a few, drawn on the photo beside what is annotated.
//
// A drawing is an SVG with the image file inside it: nothing is decoded, so that eval needs no image library, and lines
// stay sharp at any size.
#ifndef EVAL_EXPLAIN_CASES_H_
#define EVAL_EXPLAIN_CASES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/explain.h"

namespace eval {

inline constexpr int kNone = -1;

struct ErrorCase {
  ErrorKind kind = ErrorKind::kMiss;
  int64_t image_id = 0;
  int annotation = kNone;  // position; kNone of detections in the background
  int detection = kNone;   // position; kNone of persons who were missed
  int person = kNone;      // position in Diagnosis::persons, where both are there
};

// At most `per_kind` of each kind, in an order of kinds that is that of the costs; one of a kind in any image, and only
// in images of which there is a photo. Keypoints: who has lost most similarity to that kind. Background: the highest
// scores. Missed: the largest.
std::vector<ErrorCase> ChooseCases(const Explanation& explanation, const Dataset& dataset,
                                   const DetectionTable& detections, int per_kind,
                                   const std::function<bool(int64_t image_id)>& has_photo);

// Whether an image's file is in a folder. NotFound where not one of the data set's is.
absl::StatusOr<std::function<bool(int64_t image_id)>> PhotosIn(const std::string& folder, const Dataset& dataset);

struct DrawnCase {
  std::string name;     // "03_inversion": for a file
  std::string title;    // "inversion"
  std::string caption;  // who and where
  std::string svg;      // a whole file
};

struct Drawings {
  std::vector<DrawnCase> cases;
  std::vector<std::string> unreadable;  // image files that are neither JPEG nor PNG, each once
};

// Images lie in `folder` by their file name.
Drawings DrawCases(const std::vector<ErrorCase>& cases, const Explanation& explanation, const Dataset& dataset,
                   const DetectionTable& detections, const std::string& folder);

}  // namespace eval

#endif  // EVAL_EXPLAIN_CASES_H_
