#include "grouppose/parity/losses.h"

#include <ATen/TensorOperators.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

// The parts in the order of Losses::matchings: "final", "aux0", ..., "interm".
void CompareMatchings(const Fixture& fixture, const std::vector<loss::Matching>& matchings, Report* report) {
  for (size_t part = 0; part < matchings.size(); ++part) {
    const std::string name = part == 0                      ? "final"
                             : part + 1 == matchings.size() ? "interm"
                                                            : absl::StrCat("aux", part - 1);
    for (size_t image = 0; image < matchings[part].images.size(); ++image) {
      const std::string prefix = absl::StrCat("match.", name, ".", image);
      const loss::ImageMatching& matching = matchings[part].images[image];
      report->Equal(prefix + ".src", matching.queries, Integers(fixture.Get(prefix + ".src")));
      report->Equal(prefix + ".tgt", matching.persons, Integers(fixture.Get(prefix + ".tgt")));
    }
  }
}

}  // namespace

loss::CriterionOptions CriterionOptionsOf(const Fixture& fixture, int64_t num_keypoints) {
  loss::CriterionOptions options;
  options.matcher.sigmas = OfficialSigmas(num_keypoints);
  options.class_weight = fixture.Number("weight_dict/loss_ce", options.class_weight);
  options.keypoints_weight = fixture.Number("weight_dict/loss_keypoints", options.keypoints_weight);
  options.oks_weight = fixture.Number("weight_dict/loss_oks", options.oks_weight);
  options.intermediate_weight =
      fixture.Number("weight_dict/loss_ce_interm", options.class_weight) / options.class_weight;
  return options;
}

Tolerance LossTolerance(const std::string& name, Tolerance tolerance) {
  if (absl::StartsWith(name, "set_")) tolerance.absolute += 0x1p-21;
  return tolerance;
}

void CompareLosses(const Fixture& fixture, const loss::Losses& losses, Report* report) {
  const Tolerance tolerance = ToleranceOf(fixture, "loss");
  std::vector<std::string> names;
  for (const auto& [name, value] : losses.values) {
    names.push_back(name);
    const Tolerance allowed = LossTolerance(name, tolerance);
    report->Compare("losses." + name, value, fixture.Number("losses/" + name), allowed);
    report->Compare("loss." + name, value, fixture.Get("loss." + name).item<double>(), allowed);
  }
  report->Equal("loss names", names, fixture.Keys("losses"));
  if (fixture.HasMeta("loss_keys")) report->Equal("loss_keys", names, fixture.Strings("loss_keys"));
  report->Compare("total", losses.total.item<double>(), fixture.Get("total").item<double>(), tolerance);
  CompareMatchings(fixture, losses.matchings, report);
}

}  // namespace grouppose::parity
