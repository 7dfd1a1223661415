// One case as a picture: the annotated person on the left, the detection on the right, both on the photo.
#ifndef EVAL_CASE_DRAWING_H_
#define EVAL_CASE_DRAWING_H_

#include <string>
#include <vector>

#include "eval/annotations.h"
#include "eval/diagnosis.h"
#include "eval/image_header.h"
#include "eval/keypoint_dataset.h"

namespace eval {

struct Photo {
  ImageHeader header;
  std::string bytes;  // of the file
};

// Pointers may be null but for the first two.
struct CaseDrawing {
  const Photo* photo = nullptr;
  const KeypointDataset* description = nullptr;
  const Annotation* annotated = nullptr;
  const Detection* detected = nullptr;
  const DiagnosedPerson* diagnosed = nullptr;
  std::vector<const Annotation*> others;  // drawn pale
};

// A whole SVG file. `description` is for those who cannot see it.
std::string DrawCase(const CaseDrawing& drawing, const std::string& description);

}  // namespace eval

#endif  // EVAL_CASE_DRAWING_H_
