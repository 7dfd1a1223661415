// The plots of a report.
#ifndef ABLATIONS_REPORT_FIGURES_H_
#define ABLATIONS_REPORT_FIGURES_H_

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"
#include "base/html.h"

namespace grouppose {

// How a variant is drawn everywhere: 0 for the baseline, then colours in the order of the study, again and again.
int PlotStyleOf(const Study& study, const Row& row);

// AP and loss against steps: mean over seeds and a band from the lowest to the highest. Many variants are split over
// several plots with one scale, the baseline in each.
void WriteTrainingPlots(const Study& study, base::HtmlWriter* html);

// Differences: mean with its t-interval, and every seed with its evaluation noise. Several plots with the same `low`
// and `high` have one scale.
void WriteDifferencePlot(const Study& study, const std::string& title,
                         const std::vector<const Comparison*>& comparisons, const base::Interval& scale,
                         base::HtmlWriter* html);

// What covers every number of the plots.
base::Interval ScaleOf(const std::vector<const Comparison*>& comparisons);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_FIGURES_H_
