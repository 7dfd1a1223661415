// The report for a terminal.
#ifndef ABLATIONS_REPORT_TEXT_H_
#define ABLATIONS_REPORT_TEXT_H_

#include <string>
#include <vector>

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"
#include "experiments/cost.pb.h"

namespace grouppose {

// `cost` is null where it was not measured.
std::string ReportText(const Study& study, const Comparisons& comparisons, const experiments::Cost* cost);

// "0.209 0.250 0.203"
std::string ApList(const std::vector<double>& values);

// "Group Pose at 64 pixels on synthetic people, 1500 steps, AP on 300 test images"
std::string StudyDescription(const Study& study);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_TEXT_H_
