// One record of a results file, read at the speed of memory: the fast half of ReadDetectionTable.
//
// It takes strict JSON only, and of that only what result files are made of. Whatever it does not know it does not
// judge: it says that there is trouble, and the reader of eval/annotations.h looks again and finds the words.
#ifndef EVAL_DETECTION_SCANNER_H_
#define EVAL_DETECTION_SCANNER_H_

#include "eval/detection_table.h"

namespace eval {

class DetectionScanner {
 public:
  // Records have to have `num_keypoints` keypoints.
  explicit DetectionScanner(int num_keypoints) : num_keypoints_(num_keypoints) {}

  // Reads the object at `text` into `row`, its x and y into `coordinates` [2 * num_keypoints]. Returns the first byte
  // behind it, or null on trouble. The text is followed by kScanPadding zeros.
  const char* Record(const char* text, DetectionRow* row, double* coordinates);

  // Whether the last record would as the first of a file make it a file of another kind (captions, segmentations).
  bool other_kind() const { return has_caption_ || has_segmentation_; }

 private:
  // Each reads the value at `text` and returns the first byte behind it, or null.
  const char* Entry(const char* text, DetectionRow* row, double* coordinates);
  const char* Keypoints(const char* text, double* coordinates) const;
  const char* Bbox(const char* text, DetectionRow* row) const;

  const int num_keypoints_;
  unsigned seen_ = 0;  // a bit for each field that has to be there
  bool has_caption_ = false, has_segmentation_ = false;
};

}  // namespace eval

#endif  // EVAL_DETECTION_SCANNER_H_
