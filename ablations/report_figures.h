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

// Differences to the baseline: mean with its t-interval, and every seed with its evaluation noise.
void WriteDifferencePlot(const Study& study, const Comparisons& comparisons, base::HtmlWriter* html);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_FIGURES_H_
