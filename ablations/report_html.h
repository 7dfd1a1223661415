// The report for a browser: one file that refers to nothing outside itself, for light and dark, narrow and wide.
#ifndef ABLATIONS_REPORT_HTML_H_
#define ABLATIONS_REPORT_HTML_H_

#include <string>

#include "ablations/report_comparison.h"
#include "ablations/report_examples.h"
#include "ablations/report_study.h"
#include "experiments/cost.pb.h"

namespace grouppose {

// `cost` is null where it was not measured; without it, or without examples, the section is left out.
std::string ReportHtml(const Study& study, const Comparisons& comparisons, const Examples& examples,
                       const experiments::Cost* cost);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_HTML_H_
