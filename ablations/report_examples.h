// Predictions drawn beside each other: the same images for all variants, chosen by their ids and nothing else.
#ifndef ABLATIONS_REPORT_EXAMPLES_H_
#define ABLATIONS_REPORT_EXAMPLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ablations/report_study.h"
#include "absl/status/statusor.h"
#include "base/html.h"

namespace grouppose {

struct DrawnPose {
  std::vector<double> keypoints;  // [3K]: x, y in pixels, v; v 0 is not drawn
  int person = -1;                // position among the image's persons; -1: matched with none
};

struct ExampleColumn {
  std::string title, caption;
  std::vector<DrawnPose> poses;
};

struct Example {
  eval::Image image;
  std::string png;                     // the file's bytes; empty where there is none
  std::vector<ExampleColumn> columns;  // ground truth, then the variants
};

struct Examples {
  std::vector<std::pair<int, int>> skeleton;
  std::vector<Example> images;
};

// The first images by id that have a person and, where `images_folder` is not empty, a PNG file there. Of a variant,
// the cell with the lowest seed that all variants have; of its poses, as many as there are persons, best score first.
// Empty where the cells left no results.
absl::StatusOr<Examples> ChooseExamples(const Study& study, const std::string& images_folder);

void WriteExamples(const Examples& examples, base::HtmlWriter* html);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_EXAMPLES_H_
