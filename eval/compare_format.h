// A comparison as text, as JSON and as a page.
#ifndef EVAL_COMPARE_FORMAT_H_
#define EVAL_COMPARE_FORMAT_H_

#include <string>

#include "eval/compare.h"

namespace eval {

// A line a metric, then what may be said and what may not.
std::string FormatComparisonText(const Comparison& comparison);

// {"a", "b", "images", "resamples", "seed", "confidence", "metrics": [{"name", "a", "b", "difference", "low", "high",
// "p_value", "holm_p_value", "verdict", "resamples"}]}; null for numbers that do not exist.
std::string FormatComparisonJson(const Comparison& comparison);

std::string FormatComparisonHtml(const Comparison& comparison);

}  // namespace eval

#endif  // EVAL_COMPARE_FORMAT_H_
