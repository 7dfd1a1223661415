// What a study found, as text, JSON and HTML: every variant's AP seed by seed, its difference to the baseline with the
// noise of seeds and of images, what that may be an effect of, curves, examples, experiments and provenance.
#ifndef ABLATIONS_REPORT_H_
#define ABLATIONS_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace grouppose {

// The report program, without its name: reads the folders of the cells (see ReadStudy), writes --text, --json and
// --html. Refused, and nothing written: what ReadStudy and CompareWithBaseline refuse, a cost file that is none, an
// image that is no PNG.
absl::Status RunReport(const std::vector<std::string>& arguments);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_H_
