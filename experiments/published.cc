#include "experiments/published.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/flags.h"
#include "experiments/published_source.h"
#include "experiments/textproto.h"

namespace grouppose::experiments {
namespace {

// The numbers of a row under the names that the evaluator gives them.
std::vector<std::pair<std::string, double>> ValuesOf(const PublishedResult& row) {
  std::vector<std::pair<std::string, double>> values = {{"AP", row.ap()}, {"AP50", row.ap50()}, {"AP75", row.ap75()}};
  if (row.has_ap_medium_persons()) values.emplace_back("APm", row.ap_medium_persons());
  if (row.has_ap_large_persons()) values.emplace_back("APl", row.ap_large_persons());
  if (row.has_ap_easy()) values.emplace_back("AP_easy", row.ap_easy());
  if (row.has_ap_medium()) values.emplace_back("AP_medium", row.ap_medium());
  if (row.has_ap_hard()) values.emplace_back("AP_hard", row.ap_hard());
  return values;
}

// What a split is called in tables; "" where none has it.
std::string DataOf(const Experiment& experiment, const std::string& split) {
  if (experiment.data().source() == Data::COCO && split == "val") return "COCO val2017";
  if (experiment.data().source() == Data::CROWDPOSE && split == "test") return "CrowdPose test";
  return "";
}

}  // namespace

const PublishedResults& Published() {
  static const PublishedResults& published = *[] {
    auto* results = new PublishedResults;
    const absl::Status status = ParseTextproto(kPublishedSource, "experiments/published.textproto", results);
    GROUPPOSE_CHECK(status.ok(), status.ToString());
    return results;
  }();
  return published;
}

std::string PublishedName(const PublishedResult& row) {
  return absl::StrCat(row.method(), "/", row.backbone(), "/", row.data());
}

absl::StatusOr<PublishedResult> FindPublished(const std::string& name) {
  std::vector<std::string> names;
  for (const PublishedResult& row : Published().rows()) {
    names.push_back(PublishedName(row));
    if (names.back() == name) return row;
  }
  const std::string nearest = base::NearestName(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("no row '", name, "' in published.textproto",
                   nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?")));
}

std::string ComparePublished(const Experiment& experiment, const Metrics::Evaluation& evaluation) {
  if (experiment.published().empty()) return "";
  const absl::StatusOr<PublishedResult> row = FindPublished(experiment.published());
  if (!row.ok() || row->data() != DataOf(experiment, evaluation.split())) return "";
  if (evaluation.images() != row->images()) {
    return absl::StrCat(experiment.published(), ": not compared, for ", evaluation.images(), " of the split's ",
                        row->images(), " images were evaluated");
  }
  std::vector<std::string> parts;
  for (const auto& [name, published] : ValuesOf(*row)) {
    for (const Metrics::Value& value : evaluation.values()) {
      if (value.name() != name) continue;
      const double here = 100 * value.value();
      parts.push_back(absl::StrFormat("%s %.1f -> %.1f (%+.1f)", name, published, here, here - published));
    }
  }
  return absl::StrCat(experiment.published(), ", published -> here: ", absl::StrJoin(parts, ", "));
}

}  // namespace grouppose::experiments
