// A made-up data set and result file of the size and shape of COCO val2017 with a detector that reports everything it
// sees: what the evaluator's speed is measured on.
//
// Half of the images have no person, the others a few, rarely many. Every person is found once or several times, more
// or less exactly, with a score that says so most of the time; the rest of the detections are wrong and score low.
// Persons without keypoints and crowds are annotated as COCO does.
//
// The same options give the same bytes.
#ifndef EVAL_BENCHMARK_LOAD_H_
#define EVAL_BENCHMARK_LOAD_H_

#include <cstdint>
#include <string>

namespace eval {

struct LoadOptions {
  // val2017 has 5,000 images, 6,352 persons with keypoints and 11,004 annotations in all.
  int64_t num_images = 5000;
  int64_t num_persons = 6352;
  int64_t num_unlabelled = 4652;  // without keypoints: too small, too hidden, or a crowd
  int64_t num_detections = 250000;
  uint64_t seed = 1;
};

struct Load {
  std::string annotations, detections;  // JSON as Python's json module writes it
};

Load MakeLoad(const LoadOptions& options);

}  // namespace eval

#endif  // EVAL_BENCHMARK_LOAD_H_
