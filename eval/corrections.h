// Detections as they would be without one kind of error: what Ronchi and Perona (ICCV 2017, section 3) evaluate to say
// what an error costs. eval/explain.md has the definitions.
#ifndef EVAL_CORRECTIONS_H_
#define EVAL_CORRECTIONS_H_

#include <vector>

#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/diagnosis.h"
#include "eval/keypoint_dataset.h"

namespace eval {

// The detections with the keypoints of some kinds (never kGood or kUnlabelled) put where they would be right, short of
// perfect:
//   jitter              at the distance of kGoodSimilarity from its place: as annotators disagree
//   miss                at the distance of kNearSimilarity
//   inversion and swap  as far from its own place as it is from the one it was taken for
// Only the distance matters for the OKS with the person itself; it is laid along x.
DetectionTable CorrectKeypoints(DetectionTable detections, const Dataset& dataset, const KeypointDataset& description,
                                const Diagnosis& diagnosis, const std::vector<KeypointKind>& kinds);

// The detections with the scores that would have ranked them best: each scores its highest OKS with a person who
// counts, and where several are of one person, soft non-maximum suppression (Bodla et al., ICCV 2017; Gaussian,
// variance 0.5) by the OKS between detections lowers all but the best. Detections of an image without persons score 0.
DetectionTable WithOptimalScores(DetectionTable detections, const Dataset& dataset, const KeypointDataset& description);

}  // namespace eval

#endif  // EVAL_CORRECTIONS_H_
