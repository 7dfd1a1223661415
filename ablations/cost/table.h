// The measured cost as text for a terminal.
#ifndef ABLATIONS_COST_TABLE_H_
#define ABLATIONS_COST_TABLE_H_

#include <string>

#include "experiments/cost.pb.h"

namespace grouppose::cost {

// One table a part, one line a scheme. Times are CPU time with one thread (what other programs took does not count) and
// wall time with several.
std::string CostTable(const experiments::Cost& cost);

}  // namespace grouppose::cost

#endif  // ABLATIONS_COST_TABLE_H_
