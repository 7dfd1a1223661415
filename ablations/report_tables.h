// The tables of the HTML report.
#ifndef ABLATIONS_REPORT_TABLES_H_
#define ABLATIONS_REPORT_TABLES_H_

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"
#include "base/html.h"

namespace grouppose {

// Every seed's AP, mean, spread, difference, interval, verdict, size and time of every variant.
void WriteResultTable(const Study& study, const Comparisons& comparisons, base::HtmlWriter* html);

// What the evaluator says besides AP: means over the seeds of a variant.
void WriteAllMetricsTable(const Study& study, base::HtmlWriter* html);

// Fields in which the variants differ, and the others folded away.
void WriteFieldTables(const Study& study, base::HtmlWriter* html);

// SHA-256 of what every cell was made from.
void WriteProvenanceTable(const Study& study, base::HtmlWriter* html);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_TABLES_H_
