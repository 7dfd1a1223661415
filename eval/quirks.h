// Where the official tools do what nobody would want, and a switch for each: docs/evaluation_quirks.md has the
// examples.
//
//   options.quirks = eval::OfficialQuirks();    // the default: the numbers that papers report
//   options.quirks = eval::CorrectedQuirks();   // the numbers that the definitions give
#ifndef EVAL_QUIRKS_H_
#define EVAL_QUIRKS_H_

namespace eval {

// Each is what the official tools do; false is what they should.
struct Quirks {
  // A NaN similarity (from a NaN coordinate) is not less than the threshold, so it matches. Else it never does.
  bool nan_similarity_matches = true;
  // A match is stored as the annotation's id and none as 0, so who finds annotation 0 is wrong.
  bool annotation_zero_cannot_be_found = true;
  // Of annotations that share an id the last stands in the place of each. Else each is a person of its own.
  bool last_annotation_of_an_id_replaces_the_others = true;
  // The area of a detection (is it an error among persons of this size?) is that of its `bbox` if the first detection
  // of the file has one, which then all must have, and that of its keypoints if not. Else each one's own `bbox`
  // decides, and its keypoints where it has none.
  bool first_detection_decides_about_boxes = true;
  // A person of exactly 96^2 pixels is medium and large. Else large.
  bool borders_belong_to_both_areas = true;
  // A person counts if `num_keypoints`, a field of the file, is not 0. Else if a keypoint is labelled.
  bool num_keypoints_decides_who_counts = true;
  // precision = tp / (tp + fp + 2^-52), which makes the best AP 0.9999999999999998. Else tp / (tp + fp).
  bool precision_is_below_one = true;
  // Recall i is i * 0.01, for ten of the 101 more than i / 100: a recall of 35 / 100 misses its place.
  bool recalls_are_rounded_up = true;
  // CrowdPose's AP of easy, medium and hard images is rounded to four decimals, and the -1 of a category that no image
  // of that difficulty has goes into the mean. Else like every other mean.
  bool difficulties_are_rounded = true;
  // A NaN score ranks last. Else it is refused.
  bool nan_score_ranks_last = true;
};

inline Quirks OfficialQuirks() { return {}; }

inline Quirks CorrectedQuirks() { return {false, false, false, false, false, false, false, false, false, false}; }

}  // namespace eval

#endif  // EVAL_QUIRKS_H_
