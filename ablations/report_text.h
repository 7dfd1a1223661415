// The report for a terminal.
#ifndef ABLATIONS_REPORT_TEXT_H_
#define ABLATIONS_REPORT_TEXT_H_

#include <string>

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"

namespace grouppose {

std::string ReportText(const Study& study, const Comparisons& comparisons);

// "0.209 0.250 0.203"
std::string ApList(const std::vector<double>& values);

// "group: Group Pose at 64 pixels on synthetic people, 1500 steps, AP on 300 test images", without the name.
std::string StudyDescription(const Study& study);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_TEXT_H_
