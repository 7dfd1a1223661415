// The files that every subcommand starts from: annotations, and one result file or two.
//
//   ASSIGN_OR_RETURN(const eval::InputFiles input, eval::ReadInputFiles("gt.json", {"dt.json"}, 17, threads));
//   eval::EvaluateTable(input.dataset, input.detections[0], options);
#ifndef EVAL_INPUT_FILES_H_
#define EVAL_INPUT_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/annotations.h"
#include "eval/detection_table.h"

namespace eval {

struct InputFiles {
  Dataset dataset;
  std::vector<DetectionTable> detections;  // a result file each
};

// Paths as the user gave them. Annotations are read beside the first results where there are threads for it. Of several
// errors, the annotations' is told first, then that of the first results.
absl::StatusOr<InputFiles> ReadInputFiles(const std::string& annotations_path,
                                          const std::vector<std::string>& detections_paths, int num_keypoints,
                                          int threads);

}  // namespace eval

#endif  // EVAL_INPUT_FILES_H_
