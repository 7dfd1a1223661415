// model_*: outputs of the whole model, its stages where they are recorded, and postprocessing.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/model/postprocess.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/model_options.h"
#include "grouppose/parity/pieces.h"
#include "grouppose/parity/recipe.h"
#include "grouppose/parity/stages.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

void ComparePrediction(const Fixture& fixture, const std::string& prefix, const PosePrediction& prediction,
                       Report* report) {
  for (const auto& [name, tensor] : {std::pair(prefix + "pred_logits", prediction.logits),
                                     std::pair(prefix + "pred_keypoints", prediction.keypoints)}) {
    report->Compare(name, tensor, fixture.Get(name), ToleranceOf(fixture, name));
  }
}

void CompareOutputs(const Fixture& fixture, const ModelOutputs& outputs, Report* report) {
  ComparePrediction(fixture, "", outputs.final, report);
  ComparePrediction(fixture, "interm.", outputs.intermediate, report);
  for (size_t i = 0; i < outputs.auxiliary.size(); ++i) {
    ComparePrediction(fixture, absl::StrCat("aux", i, "."), outputs.auxiliary[i], report);
  }
}

// Which of ours equals each official pose, each of ours answering once: scores nearer than the noise may change places.
// The tensor holds the poses of ours in the official order; where one has no equal, the one of its own place.
at::Tensor InOfficialOrder(const ImagePoses& poses, const at::Tensor& labels, const at::Tensor& keypoints,
                           const Tolerance& tolerance) {
  const int64_t count = std::min(labels.size(0), poses.labels.size(0));
  std::vector<bool> taken(count, false);
  std::vector<int64_t> order(count, -1);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < count && order[i] < 0; ++j) {
      // its own place first
      const int64_t ours = (i + j) % count;
      if (taken[ours] || !poses.labels[ours].equal(labels[i])) continue;
      if (!Compare(poses.keypoints[ours], keypoints[i], tolerance).within()) continue;
      order[i] = ours;
      taken[ours] = true;
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    if (order[i] < 0) order[i] = i;
  }
  return at::tensor(order, at::kLong);
}

void ComparePoses(const Fixture& fixture, const std::string& prefix, const ImagePoses& poses, Report* report) {
  const at::Tensor labels = fixture.Get(prefix + "labels"), keypoints = fixture.Get(prefix + "keypoints");
  const Tolerance tolerance = ToleranceOf(fixture, prefix + "keypoints");
  report->Compare(prefix + "scores", poses.scores, fixture.Get(prefix + "scores"),
                  ToleranceOf(fixture, prefix + "scores"));
  const at::Tensor order = InOfficialOrder(poses, labels, keypoints, tolerance);
  report->Compare(prefix + "labels", poses.labels.index_select(0, order), labels, Tolerance::Exact());
  report->Compare(prefix + "keypoints", poses.keypoints.index_select(0, order), keypoints, tolerance);
}

void ComparePostprocess(const Fixture& fixture, const PosePrediction& prediction, Report* report) {
  std::vector<double> sizes;
  const int64_t images = prediction.logits.size(0);
  for (int64_t i = 0; i < images; ++i) {
    const std::vector<double> size = fixture.Numbers(absl::StrCat("target_sizes_hw/", i));
    if (size.size() != 2)
      throw FixtureError(fixture.name() + ".json: meta/target_sizes_hw is no list of height, width");
    sizes.insert(sizes.end(), size.begin(), size.end());
  }
  const std::vector<ImagePoses> poses =
      PostProcess(prediction, at::tensor(sizes, at::kDouble).view({images, 2}), fixture.Integer("config/num_select"));
  for (int64_t i = 0; i < images; ++i) ComparePoses(fixture, absl::StrCat("post", i, "."), poses[i], report);
}

// srcL: projected levels; maskL: their padding.
void CompareLevels(const Fixture& fixture, const std::vector<at::Tensor>& levels, const std::vector<at::Tensor>& masks,
                   Report* report) {
  for (size_t i = 0; i < levels.size(); ++i) {
    const std::string source = absl::StrCat("src", i), mask = absl::StrCat("mask", i);
    for (const std::string& stored : {source, source + "_sub"}) {
      if (fixture.Has(stored)) CompareRows(fixture, stored, levels[i], 1, StageTolerance(fixture, source), report);
    }
    if (fixture.Has(mask) && i < masks.size()) report->Compare(mask, masks[i], fixture.Get(mask), Tolerance::Exact());
  }
}

}  // namespace

void CheckModel(const Fixture& fixture, Report* report) {
  const at::NoGradGuard no_grad;
  GroupPose model(ModelOptions(fixture));
  model.SetTraining(false);
  FillByRecipe(model, static_cast<uint64_t>(fixture.Integer("seed")));
  if (fixture.HasMeta("n_params")) {
    int64_t count = 0;
    for (const nn::NamedTensor& named : model.Parameters()) count += named.tensor.numel();
    report->Equal("n_params", std::vector<int64_t>{count}, std::vector<int64_t>{fixture.Integer("n_params")});
  }
  const at::Tensor images = fixture.Get("images");
  const at::Tensor padding = fixture.Has("image_mask") ? fixture.Get("image_mask") : at::Tensor();
  const ModelOutputs outputs = model.Forward(images, padding);
  CompareOutputs(fixture, outputs, report);
  if (fixture.HasMeta("config/num_select")) ComparePostprocess(fixture, outputs.final, report);

  const std::vector<at::Tensor> levels = model.Project(model.Features(images));
  const std::vector<at::Tensor> masks =
      padding.defined() ? model.LevelMasks(padding, levels) : std::vector<at::Tensor>();
  CompareLevels(fixture, levels, masks, report);
  const int64_t coordinates = 2 * model.options().transformer.num_keypoints;
  CompareStages(
      fixture, model.transformer(), levels, masks,
      [&](const DecoderOutputs& decoded) {
        const int64_t last = static_cast<int64_t>(decoded.tokens.size()) - 1;
        return model.Predict(decoded, last).keypoints.narrow(2, 0, coordinates).unflatten(2, {-1, 2});
      },
      report);
}

}  // namespace grouppose::parity
