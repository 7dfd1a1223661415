// What a reader has to know before believing a study's numbers. All of it is found in the experiments and the results
// themselves; the text, HTML and JSON reports print the same sentences.
#ifndef ABLATIONS_REPORT_NOTES_H_
#define ABLATIONS_REPORT_NOTES_H_

#include <string>
#include <vector>

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"

namespace grouppose {

// Best mean AP below which no comparison of trained models is possible: hardly anybody is found yet, so that variants
// differ in when they begin to learn. Models of the tiny experiment that have learned reach 0.15 to 0.5.
inline constexpr double kLowestTelling = 0.10;

// AP still rises steeply where more than a tenth of the final AP came after the last evaluation up to four fifths of
// the steps: the order of the variants may change with more of them.
inline constexpr double kLastShare = 0.2;
inline constexpr double kSteepRise = 0.1;

// Seeds beyond which "more seeds" is no advice.
inline constexpr int kMostSeedsAdvised = 100;

// On which images settings were tuned, on which the numbers are.
std::vector<std::string> ImageNotes(const Study& study);

// Where the budget is too small to conclude something, and what the comparisons do not correct for.
std::vector<std::string> BudgetNotes(const Study& study, const Comparisons& comparisons);

// What a difference may be an effect of besides what the study asks about.
std::vector<std::string> EffectNotes(const Study& study, const Comparisons& comparisons);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_NOTES_H_
