// crit_*: losses, matchings and gradients of recorded outputs.
#include "grouppose/loss/criterion.h"

#include <ATen/TensorOperators.h>

#include "absl/strings/str_cat.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/losses.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

PosePrediction PredictionOf(const Fixture& fixture, const std::string& prefix) {
  return {Leaf(fixture.Get(prefix + "pred_logits")), Leaf(fixture.Get(prefix + "pred_keypoints"))};
}

void CompareGradient(const Fixture& fixture, const std::string& name, const at::Tensor& input, Report* report) {
  report->Compare(name, input.grad(), fixture.Get(name), ToleranceOf(fixture, "grad"));
}

}  // namespace

void CheckCriterion(const Fixture& fixture, Report* report) {
  ModelOutputs outputs;
  outputs.final = PredictionOf(fixture, "out.");
  for (int i = 0; fixture.Has(absl::StrCat("out.aux", i, ".pred_logits")); ++i) {
    outputs.auxiliary.push_back(PredictionOf(fixture, absl::StrCat("out.aux", i, ".")));
  }
  outputs.intermediate = PredictionOf(fixture, "out.interm.");
  const Targets targets = StoredTargets(fixture);
  const auto losses = loss::ComputeLosses(CriterionOptionsOf(fixture, fixture.Integer("K")), outputs, targets,
                                          static_cast<double>(loss::NumPersons(targets)));
  if (!losses.ok()) {
    report->Fail("losses", std::string(losses.status().message()));
    return;
  }
  CompareLosses(fixture, *losses, report);

  losses->total.backward();
  const auto compare = [&](const std::string& prefix, const PosePrediction& prediction) {
    CompareGradient(fixture, prefix + "pred_logits", prediction.logits, report);
    CompareGradient(fixture, prefix + "pred_keypoints", prediction.keypoints, report);
  };
  compare("grad.", outputs.final);
  for (size_t i = 0; i < outputs.auxiliary.size(); ++i) compare(absl::StrCat("grad.aux", i, "."), outputs.auxiliary[i]);
  compare("grad.interm.", outputs.intermediate);
}

}  // namespace grouppose::parity
