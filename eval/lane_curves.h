// Precision-recall curves of one category on many resamples at once: the kernel of ResampledMetrics.
//
// Sixteen resamples are counted side by side in vector registers. Detections that are wrong at every threshold, most of
// them, cost one addition; a division is only due where a found person is followed by a wrong detection, for between
// such corners the interpolated curve cannot have its maxima.
#ifndef EVAL_LANE_CURVES_H_
#define EVAL_LANE_CURVES_H_

#include <cstdint>
#include <vector>

#include "eval/evaluator.h"
#include "eval/quirks.h"

namespace eval {

// Resamples that are counted side by side: two registers of eight 32-bit counts.
inline constexpr int kLanes = 16;

struct LaneCurves {
  std::vector<double> precision;  // [lanes, thresholds, recalls]; -1 where no annotation counts
  std::vector<double> recall;     // [lanes, thresholds]; -1 likewise
};

// The detections of one category, by rank, as they fare among persons of one range of areas in some of the images.
class RankedCategory {
 public:
  // `takes_part` [images]; `quirks` those of the evaluation.
  RankedCategory(const Ranking& ranking, int area, const std::vector<bool>& takes_part, const Quirks& quirks);

  // `counts` [images, kLanes]: how often lane l counts image i. The curves have the bits of CurvePoints on
  // detections of images that are repeated so often, the copies of an image next to each other.
  LaneCurves Count(const std::vector<uint16_t>& counts) const;

 private:
  // A detection that does not fare the same at every threshold, or is not alone in its run.
  struct Step {
    int image;
    uint16_t found, wrong;  // bit t: at OKS threshold t
    uint16_t corners;       // of the found, those after which precision may fall
  };
  // Images whose detections are wrong at every threshold, then a run of steps: all that one image has at one score. A
  // copy of the image brings the whole run before the next copy's.
  struct Segment {
    int plain_begin, plain_end, steps_begin, steps_end;
  };
  class Counter;

  void AddRun(const Ranking& ranking, int area, int begin, int end);
  void CloseSegment(int steps_begin);
  void MarkCorners();

  Quirks quirks_;
  std::vector<int64_t> num_positives_;  // an image each
  std::vector<int> plain_images_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
};

}  // namespace eval

#endif  // EVAL_LANE_CURVES_H_
