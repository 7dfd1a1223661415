// Metrics as text: for people, and for programs.
#ifndef EVAL_METRICS_FORMAT_H_
#define EVAL_METRICS_FORMAT_H_

#include <string>

#include "eval/evaluator.h"

namespace eval {

// One line a number: name, value, what it is.
std::string FormatMetricsTable(const Metrics& metrics);

// An object with
//   names, stats        the summary, in the official tool's order and length
//   area_labels, counts {images, gt, dt, npig_all}
//   recall_TA, precision_mean_TA      [threshold][category][area]
// and with `details` also
//   precision_all_k0    the 101 precisions of the first category, all areas, at OKS 0.5 and 0.75; null without
//   categories per_image_all       who was matched with whom, an object for each image and category
// A number that does not exist is -1. Doubles read back as the same double; NaN is written as Python writes it.
std::string FormatMetricsJson(const Metrics& metrics, bool details);

}  // namespace eval

#endif  // EVAL_METRICS_FORMAT_H_
