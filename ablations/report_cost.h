// What every scheme costs, as the report shows it.
#ifndef ABLATIONS_REPORT_COST_H_
#define ABLATIONS_REPORT_COST_H_

#include <string>

#include "base/html.h"
#include "experiments/cost.pb.h"

namespace grouppose {

// What was measured, where and how.
std::string CostConditions(const experiments::Cost& cost);

// A table for self-attention block, decoder layer and whole decoder each.
void WriteCostTables(const experiments::Cost& cost, base::HtmlWriter* html);

// Forward and backward milliseconds of every scheme and part, for a terminal.
std::string CostText(const experiments::Cost& cost);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_COST_H_
