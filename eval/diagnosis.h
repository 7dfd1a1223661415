// What is wrong with each detected person, keypoint by keypoint: the taxonomy of Ronchi and Perona, "Benchmarking and
// Error Diagnosis in Multi-Instance Pose Estimation", ICCV 2017, section 3. eval/explain.md has the definitions.
//
//   options.details = true;
//   ASSIGN_OR_RETURN(const eval::Metrics metrics, eval::EvaluateTable(dataset, table, options));
//   const eval::Diagnosis diagnosis = eval::Diagnose(dataset, table, options, metrics);
//   diagnosis.persons[0].keypoints[9].kind;   // of the left wrist: eval::KeypointKind::kInversion
#ifndef EVAL_DIAGNOSIS_H_
#define EVAL_DIAGNOSIS_H_

#include <cstdint>
#include <vector>

#include "eval/annotations.h"
#include "eval/detection_table.h"
#include "eval/evaluator.h"
#include "eval/keypoint_dataset.h"

namespace eval {

// A detection belongs to a person from this OKS on: far below any threshold of AP, so that badly localised persons can
// be diagnosed (section 3.1 of the paper).
inline constexpr double kLocalisationOks = 0.1;
// Similarity from which a keypoint is as near as annotators agree, and from which it is near at all (section 3.1).
inline constexpr double kGoodSimilarity = 0.85;
inline constexpr double kNearSimilarity = 0.5;
// Not of the paper: a person who is left over and a detection that has no person who counts belong together where the
// detection with left and right exchanged has this OKS, the lowest that AP counts. A pose that is mirrored as a whole
// often has an OKS below kLocalisationOks, and would otherwise be called background, or be lost in a crowd.
inline constexpr double kMirroredOks = 0.5;

enum class KeypointKind : uint8_t {
  kUnlabelled,  // nothing can be said
  kGood,
  kJitter,     // near its place, not as near as annotators agree
  kInversion,  // near the place of its mirror image: left for right, same person
  kSwap,       // near a keypoint of the same name, or its mirror image, of another person
  kMiss,       // near nothing
};
inline constexpr int kNumKeypointKinds = 6;
// "good", "jitter", ...
const char* KeypointKindName(KeypointKind kind);

struct DiagnosedKeypoint {
  KeypointKind kind = KeypointKind::kUnlabelled;
  double similarity = 0;  // exp(-d^2 / (2 area (2 sigma)^2)) with its own place; 0 where unlabelled
  double nearest = 0;     // the highest with any candidate
};

// A person who counts, and the detection that belongs to it.
struct DiagnosedPerson {
  int annotation = 0;        // position in Dataset::annotations
  int detection = 0;         // position in the table of detections
  double oks = 0;            // as detected
  double exchanged_oks = 0;  // with left and right exchanged
  bool mirrored = false;     // found by kMirroredOks
  std::vector<DiagnosedKeypoint> keypoints;

  int Count(KeypointKind kind) const;
  int num_labelled() const;
  // The pose as a whole is mirrored: it agrees better, and well enough, with left and right exchanged. Unlike
  // inversions, this also shows where the keypoints of one side only are labelled.
  bool fits_better_exchanged() const { return exchanged_oks > oks && exchanged_oks >= kMirroredOks; }
};

enum class UnmatchedKind : uint8_t {
  kBackground,  // OKS below kLocalisationOks with everybody
  kSecond,      // belongs to a person whom a detection of a higher score has found
};
struct UnmatchedDetection {
  int detection = 0;
  UnmatchedKind kind = UnmatchedKind::kBackground;
  double oks = 0;  // the highest with any annotation
};

struct Diagnosis {
  std::vector<DiagnosedPerson> persons;       // by category, image and falling score; mirrored ones after the others
  std::vector<UnmatchedDetection> unmatched;  // detections among the best 20 that belong to nobody
  std::vector<int> missed;                    // positions of persons who count and whom nothing was found for
  int num_persons = 0;                        // who count
  int num_detections = 0;                     // that count: the best 20 of an image and category
  int num_on_ignored = 0;                     // detections of crowds and of persons without keypoints

  int num_labelled() const;                   // labelled keypoints of `persons`
  int Count(KeypointKind kind) const;         // of `persons`
  int CountPersons(KeypointKind kind) const;  // persons with at least one such keypoint
  int CountMirrored() const;                  // found by kMirroredOks only
  int CountBetterExchanged() const;
  int CountUnmatched(UnmatchedKind kind) const;
};

// `metrics` of EvaluateTable with these options, EvaluatorOptions::details among them. Without `mirrored`, exactly the
// paper's matching. No annotation may stand in the place of another of the same id: without that quirk, they do not
// (what is broken here is an invariant: CheckError).
Diagnosis Diagnose(const Dataset& dataset, const DetectionTable& detections, const EvaluatorOptions& options,
                   const Metrics& metrics, bool mirrored = true);

// The partner of each keypoint in the flip pairs; itself where it has none.
std::vector<int> MirrorImages(const KeypointDataset& description);

}  // namespace eval

#endif  // EVAL_DIAGNOSIS_H_
