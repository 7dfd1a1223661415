// The part of check_dataset.h that looks at annotations alone.
#ifndef GROUPPOSE_DATA_CHECK_ANNOTATIONS_H_
#define GROUPPOSE_DATA_CHECK_ANNOTATIONS_H_

#include <string>
#include <vector>

#include "eval/annotations.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/check_dataset.h"

namespace grouppose {

// Gathers findings of the same kind: counts all, remembers the first few.
class Findings {
 public:
  void Add(Severity severity, const std::string& split, const std::string& what, const std::string& example);
  // The broken ones first, else in the order of their first appearance.
  std::vector<Finding> Sorted() const;

 private:
  std::vector<Finding> findings_;
};

// Counts of a split, and what its annotations have that is broken, doubtful or worth knowing.
SplitCounts CheckAnnotations(const eval::KeypointDataset& description, const std::string& split,
                             const eval::Dataset& dataset, Findings* findings);

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_CHECK_ANNOTATIONS_H_
