// The tables of the HTML report.
#ifndef ABLATIONS_REPORT_TABLES_H_
#define ABLATIONS_REPORT_TABLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ablations/report_comparison.h"
#include "ablations/report_study.h"
#include "base/html.h"

namespace grouppose {

// A column's head; numbers stand at the right.
struct Head {
  std::string text;
  bool number = false;
};

// A table's frame and head row; a long table scrolls in it, also with the keyboard. EndTable closes it.
void BeginTable(base::HtmlWriter* html, const std::string& label, const std::vector<Head>& heads);
void EndTable(base::HtmlWriter* html);
void NumberCell(base::HtmlWriter* html, const std::string& text);
// 801852 -> "801,852"
std::string Thousands(int64_t number);

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
