#include "grouppose/parity/training.h"

#include <ATen/TensorOperators.h>

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

}  // namespace

RecordedTraining::RecordedTraining(const Fixture& fixture)
    : model_(std::make_unique<GroupPose>(OptionsOf(fixture))),
      criterion_(CriterionOptionsOf(fixture, model_->options().transformer.num_keypoints)),
      images_(fixture.Get("images")),
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
