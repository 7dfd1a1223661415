#include "ablations/report.h"

#include <optional>

#include "ablations/report_comparison.h"
#include "ablations/report_examples.h"
#include "ablations/report_html.h"
#include "ablations/report_json.h"
#include "ablations/report_study.h"
#include "ablations/report_text.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "experiments/cost.pb.h"
#include "experiments/textproto.h"

namespace grouppose {

absl::Status RunReport(const std::vector<std::string>& arguments) {
  std::string name, baseline, label, text_path, json_path, html_path, images, cost_path;
  std::vector<std::string> cells;
  base::Flags flags("report", "Compares the cells of a study.");
  flags.Required("study", &name, "NAME", "what the report is called");
  flags.Required("baseline", &baseline, "VARIANT", "the variant that the others are compared with");
  flags.Repeated("cell", &cells, "VARIANT:SEED:FOLDER", "one training; the variant 'pretraining' is what they share");
  flags.Optional("label", &label, "LABEL", "the build target, for the line that says how to reproduce it");
  flags.Optional("images", &images, "DIR", "PNG files of test images, named as in ground_truth.json, to draw on");
  flags.Optional("cost", &cost_path, "FILE", "what the schemes cost, a Cost textproto");
  flags.Required("text", &text_path, "FILE", "where the tables for a terminal go");
  flags.Required("json", &json_path, "FILE", "where every number goes");
  flags.Optional("html", &html_path, "FILE", "where the page for a browser goes");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();

  ASSIGN_OR_RETURN(Study study, ReadStudy(name, baseline, cells));
  study.label = label;
  ASSIGN_OR_RETURN(const Comparisons comparisons, CompareWithBaseline(study));
  ASSIGN_OR_RETURN(const Examples examples, ChooseExamples(study, images));
  std::optional<experiments::Cost> cost;
  if (!cost_path.empty()) RETURN_IF_ERROR(experiments::ReadTextproto(cost_path, &cost.emplace()));
  const experiments::Cost* measured = cost.has_value() ? &*cost : nullptr;

  RETURN_IF_ERROR(base::WriteFileAtomically(text_path, ReportText(study, comparisons, measured)));
  RETURN_IF_ERROR(base::WriteFileAtomically(json_path, ReportJson(study, comparisons, measured)));
  if (html_path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(html_path, ReportHtml(study, comparisons, examples, measured));
}

}  // namespace grouppose
