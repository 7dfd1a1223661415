// An explanation for a browser: one file that refers to nothing outside itself.
#ifndef EVAL_EXPLAIN_HTML_H_
#define EVAL_EXPLAIN_HTML_H_

#include <string>
#include <vector>

#include "eval/explain.h"
#include "eval/explain_cases.h"

namespace eval {

// `drawings` may be empty: the section is left out.
std::string FormatExplanationHtml(const Explanation& explanation, const std::vector<DrawnCase>& drawings);

}  // namespace eval

#endif  // EVAL_EXPLAIN_HTML_H_
