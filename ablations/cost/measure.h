// Measures what attention schemes cost beside each other in one process.
//
//   cost::CostOptions options;                      // the published model, one image of 800 x 1066 pixels
//   const experiments::Cost cost = cost::MeasureCost(options, LinkedAttentionSchemes());
//
// Every part of a decoder (self-attention block, decoder layer, whole decoder) is measured in rounds: one round runs
// forward and backward of every scheme once, each round beginning with another scheme, so that a machine that slows
// down or does something else slows all of them. A pass without gradients goes before and is not timed. The schemes run
// as training runs them: WITHIN, ACROSS and FULL alike through ops/group_attention, which is faster than torch's fused
// attention at each of their lengths.
#ifndef ABLATIONS_COST_MEASURE_H_
#define ABLATIONS_COST_MEASURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/cost.pb.h"
#include "grouppose/transformer/level_geometry.h"
#include "grouppose/transformer/options.h"

namespace grouppose::cost {

struct CostOptions {
  TransformerOptions transformer;  // its attention_scheme is not used
  int64_t batch = 1;
  int64_t image_height = 800, image_width = 1066;  // pixels; what COCO's 640 x 480 becomes in evaluation
  std::vector<int64_t> backbone_strides = {8, 16, 32};
  int threads = 1;
  // Rounds go on until each part had this long on every thread, but are at least so many. With these all nine schemes
  // take 95 s of CPU on an AMD EPYC that does other work too, two thirds of it for three rounds of the whole decoder.
  double seconds_per_part = 8;
  int64_t least_rounds = 3;
};

// Sizes of the feature levels of an image: those of the backbone, then further ones of half the size each.
LevelSizes LevelSizesOf(const CostOptions& options);

// The named schemes are linked (CheckError otherwise).
experiments::Cost MeasureCost(const CostOptions& options, const std::vector<std::string>& schemes);

}  // namespace grouppose::cost

#endif  // ABLATIONS_COST_MEASURE_H_
