// Hungarian matching: which predicted pose answers for which annotated person.
//
//   MatcherOptions options;
//   options.sigmas = ...;  // one a joint, from the dataset's description
//   ASSIGN_OR_RETURN(Matching matching, Match(options, outputs.final, batch.targets));
//   // image 0: query matching.images[0].queries[i] is matched with person matching.images[0].persons[i]
//
// The cost of a pair is class_cost * focal + keypoints_cost * L1 + oks_cost * (1 - OKS):
//   focal  with p = sigmoid(logit of the person's label):
//          alpha (1 - p)^2 (-log(p + 1e-8)) - (1 - alpha) p^2 (-log(1 - p + 1e-8))
//   L1     sum over visible joints of |x - x'| + |y - y'|, normalised coordinates
//   OKS    see batch_view.h, clamped below at 1e-6
// (Group Pose, Liu et al. 2023; the focal cost is that of Deformable DETR, Zhu et al. 2021.) One rectangular assignment
// an image (queries are its rows, so equal costs are settled as scipy settles them for the official program); with more
// persons than queries some persons stay without a query.
#ifndef GROUPPOSE_LOSS_MATCHER_H_
#define GROUPPOSE_LOSS_MATCHER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/data/targets.h"
#include "grouppose/loss/batch_view.h"
#include "grouppose/model/outputs.h"

namespace grouppose::loss {

struct MatcherOptions {
  double class_cost = 2;
  double keypoints_cost = 10;
  double oks_cost = 4;
  double focal_alpha = 0.25;
  std::vector<double> sigmas;  // [K]: falloff of every joint (COCO's nose: 0.026)
};

// queries[i] is matched with persons[i]; queries ascend.
struct ImageMatching {
  std::vector<int64_t> queries, persons;
};

struct Matching {
  std::vector<ImageMatching> images;
  // Diagnostics: unweighted costs, averaged over all queries and all persons of the batch (also those of different
  // images, as the official code does); 0 without persons.
  double mean_class_cost = 0;
  double mean_keypoints_cost = 0;
};

// InvalidArgument for impossible targets (see batch_view.h). Internal where a cost is NaN (with its place and parts) or
// no finite assignment exists.
absl::StatusOr<Matching> Match(const MatcherOptions& options, const PosePrediction& prediction, const Targets& targets);

// The same on a packed batch, for a caller that matches several predictions with the same persons.
template <typename Scalar>
absl::StatusOr<Matching> Match(const MatcherOptions& options, const PoseView<Scalar>& poses,
                               const Persons<Scalar>& persons);

}  // namespace grouppose::loss

#endif  // GROUPPOSE_LOSS_MATCHER_H_
