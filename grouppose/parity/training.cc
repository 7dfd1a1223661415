#include "grouppose/parity/training.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "grouppose/parity/losses.h"
#include "grouppose/parity/model_options.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/recipe.h"

namespace grouppose::parity {
namespace {

// Recordings of optimiser steps have no configuration; it is that of the gradients of the same run, NAME_grads beside
// NAME_adamw5.
GroupPoseOptions OptionsOf(const Fixture& fixture) {
  if (fixture.HasMeta("config")) return ModelOptions(fixture);
  const std::string run = fixture.name().substr(0, fixture.name().rfind('_'));
  const std::string path = base::JoinPath(fixture.folder(), run + "_grads.json");
  if (!base::FileExists(path)) {
    throw FixtureError(absl::StrCat(fixture.name(), ".json: no meta/config, and no ", run, "_grads.json that has it"));
  }
  return ModelOptions(Fixture(fixture.folder(), run + "_grads"));
}

at::Tensor ChangeLastBits(const at::Tensor& images, uint64_t changed) {
  if (changed == 0) return images;
  const at::Tensor direction = (RecipeTensor("last bits", images.sizes(), changed) * 1.5).round();
  // 1, 1, 2, 2, 4, 4, 8, 8 units: at most 1e-6, by which a prepared photo itself may differ
  const double units = static_cast<double>(uint64_t{1} << std::min<uint64_t>((changed - 1) / 2, 3));
  return images + images * direction * (units * std::numeric_limits<float>::epsilon());
}

// Runs with changed images before a difference counts. With one value near a jump every second run is on its right
// side, so all of 8 miss it once in 256 times; with two such values, once in 10.
constexpr uint64_t kChangedRuns = 8;

}  // namespace

RecordedTraining::RecordedTraining(const Fixture& fixture, uint64_t changed)
    : model_(std::make_unique<GroupPose>(OptionsOf(fixture))),
      criterion_(CriterionOptionsOf(fixture, model_->options().transformer.num_keypoints)),
      images_(ChangeLastBits(fixture.Get("images"), changed)),
      padding_mask_(fixture.Get("image_mask").to(at::kBool)),
      targets_(StoredTargets(fixture)) {
  // drop path is random, so a recording of a backbone that has it was made without
  model_->SetTraining(absl::StartsWith(fixture.Text("mode", "train"), "train"));
  FillByRecipe(*model_, static_cast<uint64_t>(fixture.Integer("seed")));
}

loss::Losses RecordedTraining::Losses(const ModelOutputs& outputs) const {
  auto losses = loss::ComputeLosses(criterion_, outputs, targets_, static_cast<double>(loss::NumPersons(targets_)));
  if (!losses.ok()) throw FixtureError(std::string(losses.status().message()));
  return *std::move(losses);
}

std::map<std::string, at::Tensor> RecordedTraining::TensorsByName() const {
  std::map<std::string, at::Tensor> tensors;
  for (const nn::NamedTensor& named : model_->StateDict()) tensors[named.name] = named.tensor;
  return tensors;
}

void CheckNearJumps(const std::function<void(uint64_t changed, Report* report)>& check,
                    const std::function<bool(const std::string& what)>& may_jump, Report* report) {
  check(/*changed=*/0, report);
  for (const Comparison& comparison : report->comparisons()) {
    if (!comparison.fault.empty() && !may_jump(comparison.what)) return;
  }
  if (report->passed()) return;
  Report repeated;
  check(/*changed=*/0, &repeated);
  if (!repeated.SameNumbers(*report)) return report->Fail("repetition", "gave other numbers on the same input");
  for (uint64_t changed = 1; changed <= kChangedRuns; ++changed) {
    Report again;
    check(changed, &again);
    if (!again.passed()) continue;
    again.Note(absl::StrCat("on try ", changed, " with last bits of the images changed"));
    *report = again;
    return;
  }
}

train::AdamWOptions OptimizerOptions(const Fixture& fixture) {
  train::AdamWOptions options;
  options.learning_rate = fixture.Number("lr");
  options.backbone_learning_rate = fixture.Number("lr_backbone");
  options.weight_decay = fixture.Number("weight_decay");
  options.clip_max_norm = fixture.Number("clip_max_norm");
  options.beta1 = fixture.Number("betas/0");
  options.beta2 = fixture.Number("betas/1");
  options.eps = fixture.Number("eps");
  return options;
}

}  // namespace grouppose::parity
