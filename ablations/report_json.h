// The report for programs: every number of it, and of the files it was made from.
#ifndef ABLATIONS_REPORT_JSON_H_
#define ABLATIONS_REPORT_JSON_H_

#include <string>

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"
#include "experiments/cost.pb.h"

namespace grouppose {

// `cost` is null where it was not measured. Keys are only ever added.
std::string ReportJson(const Study& study, const Comparisons& comparisons, const experiments::Cost* cost);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_JSON_H_
