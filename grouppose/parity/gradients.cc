// train_*_grads: losses, matchings and gradients of the whole model.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/losses.h"
#include "grouppose/parity/tolerances.h"
#include "grouppose/parity/training.h"
#include "grouppose/train/optimizer.h"

namespace grouppose::parity {
namespace {

// Outputs beside gradients have no tolerance of their own: that of the recordings of single models.
constexpr double kOutputTolerance = 2e-4;

using TensorsByName = std::map<std::string, at::Tensor>;

at::Tensor Find(const TensorsByName& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw FixtureError(absl::StrCat("our model has no parameter ", name));
  return found->second;
}

// null: a parameter without gradient
void CompareNorms(const Fixture& fixture, const TensorsByName& tensors, Report* report) {
  const Tolerance tolerance = ToleranceOf(fixture, "grad_norm");
  for (const std::string& name : fixture.Keys("grad_norms")) {
    const at::Tensor gradient = Find(tensors, name).grad();
    const double expected = fixture.Number("grad_norms/" + name);
    if (gradient.defined() == std::isnan(expected)) {
      report->Fail("grad_norms." + name, gradient.defined() ? "a gradient, expected none" : "no gradient");
    } else if (gradient.defined()) {
      report->Compare("grad_norms." + name, gradient.to(at::kDouble).norm().item<double>(), expected, tolerance);
    }
  }
}

void CompareGradients(const Fixture& fixture, const TensorsByName& tensors, Report* report) {
  for (const auto& [name, value] : fixture.tensors()) {
    if (!absl::StartsWith(name, "grad.")) continue;
    report->Compare(name, Find(tensors, name.substr(5)).grad(), fixture.Get(name), ToleranceOf(fixture, "full_grad"));
  }
}

// The parameters that the official program lists are ours, and its frozen ones are ours.
void CompareParameters(const Fixture& fixture, const RecordedTraining& training, Report* report) {
  std::vector<std::string> frozen, official = fixture.Strings("frozen");
  for (const nn::NamedTensor& named : training.model().Parameters()) {
    if (!named.tensor.requires_grad()) frozen.push_back(named.name);
  }
  std::sort(frozen.begin(), frozen.end());
  std::sort(official.begin(), official.end());
  report->Equal("frozen", frozen, official);
  const TensorsByName tensors = training.TensorsByName();
  for (const std::string& name : fixture.Strings("param_order")) {
    report->Expect("param_order", tensors.count(name) > 0, absl::StrCat("our model has no parameter ", name));
  }
  const size_t ours = training.model().Parameters().size(), theirs = fixture.Strings("param_order").size();
  report->Expect("number of parameters", ours == theirs, absl::StrCat(ours, ", expected ", theirs));
}

void CheckGradientsOnce(const Fixture& fixture, uint64_t changed, Report* report) {
  const RecordedTraining training(fixture, changed);
  const ModelOutputs outputs = training.Outputs();
  const Tolerance tolerance = Tolerance::Absolute(kOutputTolerance);
  report->Compare("pred_logits", outputs.final.logits, fixture.Get("pred_logits"), tolerance);
  report->Compare("pred_keypoints", outputs.final.keypoints, fixture.Get("pred_keypoints"), tolerance);
  const loss::Losses losses = training.Losses(outputs);
  CompareLosses(fixture, losses, report);
  CompareParameters(fixture, training, report);

  losses.total.backward();
  const TensorsByName tensors = training.TensorsByName();
  CompareNorms(fixture, tensors, report);
  CompareGradients(fixture, tensors, report);
  const train::AdamW optimizer(training.model().Parameters(), {});
  report->Compare("grad_total_norm", train::GradientNorm(optimizer.groups()), fixture.Number("grad_total_norm"),
                  ToleranceOf(fixture, "grad_norm"));
}

}  // namespace

void CheckGradients(const Fixture& fixture, Report* report) {
  CheckNearJumps([&](uint64_t changed, Report* once) { CheckGradientsOnce(fixture, changed, once); },
                 [](const std::string& what) { return absl::StrContains(what, "grad"); }, report);
}

}  // namespace grouppose::parity
