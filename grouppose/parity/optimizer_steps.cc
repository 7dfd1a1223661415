// train_*_adamwN: N optimiser steps on one batch, with moving averages of the weights; train_*_engine_stats: what the
// official loop logs of those steps.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <memory>
#include <optional>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/folder.h"
#include "grouppose/parity/losses.h"
#include "grouppose/parity/tolerances.h"
#include "grouppose/parity/training.h"
#include "grouppose/train/weight_average.h"

namespace grouppose::parity {
namespace {

using TensorsByName = std::map<std::string, at::Tensor>;

// What the texts of meta.tol say: "rel 2e-3 (the first: 1e-4)", "abs 1e-4 ..., compare delta_norms rel 2e-2".
struct StepTolerances {
  Tolerance first_loss, loss, parameters, delta_norms;
};

// The tolerance behind `words` in meta.tol.NAME.
std::optional<Tolerance> ToleranceBehind(const Fixture& fixture, const std::string& name, const std::string& words) {
  const std::string text = fixture.Text("tol/" + name, "");
  const size_t at = text.find(words);
  return at == std::string::npos ? std::nullopt : ParseTolerance(text.substr(at + words.size()));
}

StepTolerances TolerancesOf(const Fixture& fixture) {
  StepTolerances tolerances;
  tolerances.loss = tolerances.first_loss = ToleranceOf(fixture, "losses");
  const std::optional<Tolerance> first = ToleranceBehind(fixture, "losses", "the first:");
  // "1e-4" is of the kind that the whole text is of
  if (first.has_value()) tolerances.first_loss = Tolerance::Relative(first->absolute + first->relative);
  tolerances.parameters = ToleranceOf(fixture, "params");
  // the total movement of a parameter, where its text has no tolerance: that of the losses
  tolerances.delta_norms = ToleranceBehind(fixture, "params", "delta_norms").value_or(tolerances.loss);
  return tolerances;
}

struct StepRecord {
  double total = 0;
  std::vector<std::pair<std::string, double>> values;
  double gradient_norm = 0;
};

StepRecord RecordOf(const loss::Losses& losses) { return {losses.total.item<double>(), losses.values, 0}; }

// One update. FixtureError where the gradient is not finite.
StepRecord Step(const RecordedTraining& training, train::AdamW* optimizer) {
  const loss::Losses losses = training.Losses(training.Outputs());
  optimizer->ZeroGradients();
  losses.total.backward();
  const auto norm = optimizer->Step(/*learning_rate_factor=*/1);
  if (!norm.ok()) throw FixtureError(std::string(norm.status().message()));
  StepRecord record = RecordOf(losses);
  record.gradient_norm = *norm;
  return record;
}

// Behind the first step: a mean class cost is a difference of terms of order one, each of which moves as a loss does.
Tolerance LaterLossTolerance(const std::string& name, const Tolerance& tolerance) {
  Tolerance later = LossTolerance(name, tolerance);
  if (absl::StartsWith(name, "set_class")) later.absolute += tolerance.relative;
  return later;
}

void CompareStep(const Fixture& fixture, size_t step, const StepRecord& record, const StepTolerances& tolerances,
                 Report* report) {
  const Tolerance& tolerance = step == 0 ? tolerances.first_loss : tolerances.loss;
  const std::string at = absl::StrCat(" of step ", step + 1);
  report->Compare("loss" + at, record.total, fixture.Number(absl::StrCat("losses/", step)), tolerance);
  report->Compare("stored loss" + at, record.total, fixture.Get("losses")[step].item<double>(), tolerance);
  // norms move with the losses
  report->Compare("gradient norm" + at, record.gradient_norm, fixture.Number(absl::StrCat("grad_total_norms/", step)),
                  tolerances.loss);
  report->Compare("stored gradient norm" + at, record.gradient_norm,
                  fixture.Get("grad_total_norms")[step].item<double>(), tolerances.loss);
  for (const auto& [name, value] : record.values) {
    report->Compare(name + at, value, fixture.Number(absl::StrCat("all_losses/", step, "/", name)),
                    step == 0 ? LossTolerance(name, tolerance) : LaterLossTolerance(name, tolerance));
  }
}

struct Average {
  std::string prefix;  // "ema5_decay0.9997."
  std::unique_ptr<train::WeightAverage> weights;
};

// One for each decay that tensors "emaN_decayD.NAME" have.
std::vector<Average> AveragesOf(const Fixture& fixture, const GroupPose& model) {
  std::vector<Average> averages;
  const std::regex pattern(R"((ema[0-9]+_decay([0-9]*\.?[0-9]+)\.)[^0-9].*)");
  std::smatch match;
  for (const auto& [name, value] : fixture.tensors()) {
    double decay = 0;
    if (!std::regex_match(name, match, pattern) || !absl::SimpleAtod(match[2].str(), &decay)) continue;
    if (!averages.empty() && averages.back().prefix == match[1].str()) continue;
    averages.push_back({match[1].str(),
                        std::make_unique<train::WeightAverage>(model.StateDict(), decay, train::Averaged::kStateDict)});
  }
  return averages;
}

// Tensors PREFIXNAME against those of `ours`.
void CompareNamed(const Fixture& fixture, const std::string& prefix, const TensorsByName& ours,
                  const Tolerance& tolerance, Report* report) {
  for (const auto& [name, value] : fixture.tensors()) {
    if (!absl::StartsWith(name, prefix)) continue;
    const auto found = ours.find(name.substr(prefix.size()));
    report->Compare(name, found == ours.end() ? at::Tensor() : found->second, fixture.Get(name), tolerance);
  }
}

// How far each parameter moved.
void CompareMovements(const Fixture& fixture, const TensorsByName& start, const TensorsByName& end,
                      const Tolerance& tolerance, Report* report) {
  for (const std::string& name : fixture.Keys("delta_norms")) {
    if (end.count(name) == 0) {
      report->Fail("delta_norms." + name, "our model has no such parameter");
      continue;
    }
    const double moved = (end.at(name).detach() - start.at(name)).to(at::kDouble).norm().item<double>();
    report->Compare("delta_norms." + name, moved, fixture.Number("delta_norms/" + name), tolerance);
  }
}

void CompareGroups(const Fixture& fixture, const train::AdamW& optimizer, Report* report) {
  std::vector<int64_t> ours, official;
  for (const train::AdamW::Group& group : optimizer.groups()) {
    ours.push_back(static_cast<int64_t>(group.parameters.size()));
  }
  for (double size : fixture.Numbers("groups")) official.push_back(static_cast<int64_t>(size));
  report->Equal("groups", ours, official);
}

// The recording NAME_adamwN beside the table NAME_engine_stats.json.
Fixture StepsBeside(const JsonFile& table) {
  const std::string suffix = "_engine_stats.json";
  const std::string stem = table.path().substr(0, table.path().size() - suffix.size());
  const size_t slash = stem.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : stem.substr(0, slash);
  const std::string name = stem.substr(slash + 1) + "_adamw";
  for (const std::string& file : FilesIn(folder)) {
    if (absl::StartsWith(file, name) && absl::EndsWith(file, ".json")) {
      return Fixture(folder, file.substr(0, file.size() - 5));
    }
  }
  throw FixtureError(absl::StrCat(table.path(), ": no recording ", name, "N beside it has the steps"));
}

void CheckStepsOnce(const Fixture& fixture, uint64_t changed, Report* report) {
  const StepTolerances tolerances = TolerancesOf(fixture);
  const RecordedTraining training(fixture, changed);
  train::AdamW optimizer(training.model().Parameters(), OptimizerOptions(fixture));
  CompareGroups(fixture, optimizer, report);
  TensorsByName start;
  for (const auto& [name, tensor] : training.TensorsByName()) start[name] = tensor.detach().clone();
  const std::vector<Average> averages = AveragesOf(fixture, training.model());

  const size_t steps = fixture.Numbers("grad_total_norms").size();
  for (size_t step = 0; step < steps; ++step) {
    CompareStep(fixture, step, Step(training, &optimizer), tolerances, report);
    for (const Average& average : averages) average.weights->Update();
  }
  {
    const at::NoGradGuard no_grad;
    const double total = training.Losses(training.Outputs()).total.item<double>();
    report->Compare("loss after the last step", total, fixture.Number(absl::StrCat("losses/", steps)), tolerances.loss);
  }

  const TensorsByName end = training.TensorsByName();
  CompareMovements(fixture, start, end, tolerances.delta_norms, report);
  CompareNamed(fixture, absl::StrCat("param", steps, "."), end, tolerances.parameters, report);
  for (const Average& average : averages) {
    CompareNamed(fixture, average.prefix, average.weights->State(), tolerances.parameters, report);
  }
}

void CheckStatisticsOnce(const JsonFile& table, const Fixture& fixture, uint64_t changed, Report* report) {
  const RecordedTraining training(fixture, changed);
  train::AdamW optimizer(training.model().Parameters(), OptimizerOptions(fixture));
  const size_t steps = fixture.Numbers("grad_total_norms").size();
  std::map<std::string, double> means;
  for (size_t step = 0; step < steps; ++step) {
    const StepRecord record = Step(training, &optimizer);
    means["loss"] += record.total / static_cast<double>(steps);
    for (const auto& [name, value] : record.values) means[name + "_unscaled"] += value / static_cast<double>(steps);
  }
  // the weighted losses, and what is watched without a weight
  const loss::CriterionOptions weights;
  for (const auto& [part, weight] :
       {std::pair("loss_ce", weights.class_weight), std::pair("loss_keypoints", weights.keypoints_weight),
        std::pair("loss_oks", weights.oks_weight)}) {
    for (const auto& [name, mean] : std::map<std::string, double>(means)) {
      if (absl::StartsWith(name, part) && absl::EndsWith(name, "_unscaled")) {
        means[name.substr(0, name.size() - 9)] = weight * mean;
      }
    }
  }
  means["class_error"] = means["class_error_unscaled"];
  means["lr"] = optimizer.groups()[0].learning_rate;
  for (const std::string& name : table.Keys("")) {
    if (means.count(name) == 0) {
      report->Fail(name, "the official loop logs it, ours has no such number");
      continue;
    }
    report->Compare(name, means.at(name), table.Number(name), LaterLossTolerance(name, ToleranceOf(fixture, "losses")));
  }
}

// The first forward pass and the groups; all else has been through a gradient.
bool IsBeforeAGradient(const std::string& what) {
  return what == "groups" || (absl::EndsWith(what, " of step 1") && !absl::StrContains(what, "gradient"));
}

}  // namespace

void CheckOptimizerSteps(const Fixture& fixture, Report* report) {
  CheckNearJumps([&](uint64_t changed, Report* once) { CheckStepsOnce(fixture, changed, once); },
                 [](const std::string& what) { return !IsBeforeAGradient(what); }, report);
}

void CheckEngineStatistics(const JsonFile& table, Report* report) {
  const Fixture fixture = StepsBeside(table);
  // means over steps of which all but the first have been through a gradient
  CheckNearJumps([&](uint64_t changed, Report* once) { CheckStatisticsOnce(table, fixture, changed, once); },
                 [](const std::string&) { return true; }, report);
}

}  // namespace grouppose::parity
