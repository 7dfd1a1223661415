// What a study found: every variant's AP seed by seed, its mean and spread, and its difference to the baseline.
#ifndef ABLATIONS_REPORT_H_
#define ABLATIONS_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// The report program, without its name: reads the folders of the cells, writes --text and --json. Differences are taken
// at the seeds that a variant and the baseline both have; JSON names them. Refused: a cell without files, without an AP
// between 0 and 1 in its last evaluation, or given twice; a baseline without a cell. Nothing is written then.
absl::Status RunReport(const std::vector<std::string>& arguments);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_H_
