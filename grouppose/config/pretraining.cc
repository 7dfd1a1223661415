#include "grouppose/config/pretraining.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/progress.h"
#include "base/status.h"
#include "grouppose/checkpoint/load.h"
#include "grouppose/config/options.h"
#include "grouppose/data/loader.h"
#include "grouppose/train/heatmap.h"
#include "grouppose/train/optimizer.h"

namespace grouppose::config {
namespace {

// Both phases see the synthetic people the same way: flips, in an order of their own.
LoaderOptions LoaderOf(const experiments::Experiment& experiment, int64_t batch_size, uint64_t seed) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.seed = seed;
  options.transforms = PretrainingTransforms(experiment.data().augmentation());
  return options;
}

absl::Status RunPhase(const std::string& phase, uint64_t seed, int64_t steps, double learning_rate,
                      int64_t log_interval, const experiments::Experiment& experiment,
                      const std::vector<nn::NamedTensor>& parameters, const PretrainingHooks& hooks,
                      const std::function<absl::StatusOr<train::StepLoss>(int64_t)>& loss_of_step) {
  train::AdamW optimizer(parameters, PretrainingOptimizerOf(experiment.training().optimizer(), learning_rate));
  train::ScheduleOptions schedule;
  schedule.kind = train::ScheduleOptions::Kind::kCosine;
  schedule.total_steps = steps;
  schedule.warmup_steps = std::min<int64_t>(experiment.training().schedule().warmup_steps(), steps / 4);
  train::LoopOptions loop;
  loop.phase = phase;
  loop.last_step = steps;
  loop.log_interval = log_interval;
  loop.seed = seed;
  base::ProgressOptions progress_options;
  if (hooks.quiet) progress_options.style = base::ProgressOptions::kQuiet;
  base::Progress progress(phase, steps, progress_options);
  train::LoopHooks loop_hooks;
  loop_hooks.on_log = hooks.on_log;
  loop_hooks.on_progress = [&](int64_t done, const std::string& text) { progress.Update(done, text); };
  RETURN_IF_ERROR(train::RunLoop(loop, schedule, &optimizer, loss_of_step, loop_hooks));
  progress.Finish();
  return absl::OkStatus();
}

absl::Status TrainHeatmaps(const experiments::Experiment& experiment, uint64_t seed, const Dataset& people,
                           const PretrainingHooks& hooks, GroupPose* model) {
  const experiments::Pretraining::Heatmap& heatmap = experiment.pretraining().heatmap();
  if (heatmap.steps() == 0) return absl::OkStatus();
  const int64_t num_keypoints = people.description().num_keypoints();
  train::HeatmapHead head(model->backbone().channels(), num_keypoints);
  nn::Initialise(head, seed);
  std::vector<nn::NamedTensor> parameters = head.Parameters();
  for (nn::NamedTensor& named : model->backbone().Parameters()) parameters.push_back(std::move(named));
  TrainingLoader loader(&people, LoaderOf(experiment, heatmap.batch_size(), seed));
  return RunPhase("heatmap", seed, heatmap.steps(), heatmap.learning_rate(), experiment.training().log_interval(),
                  experiment, parameters, hooks, [&](int64_t step) -> absl::StatusOr<train::StepLoss> {
                    ASSIGN_OR_RETURN(const Batch batch, loader.Get(step));
                    train::StepLoss loss;
                    loss.total = train::HeatmapLoss(head.Forward(model->Features(batch.images)), batch.targets,
                                                    num_keypoints, heatmap.positive_weight());
                    return loss;
                  });
}

absl::Status TrainStageOne(const experiments::Experiment& experiment, uint64_t seed, const Dataset& people,
                           const PretrainingHooks& hooks, GroupPose* model) {
  const experiments::Pretraining::StageOne& stage = experiment.pretraining().stage_one();
  if (stage.steps() == 0) return absl::OkStatus();
  const loss::CriterionOptions criterion = CriterionOf(experiment, people.description());
  TrainingLoader loader(&people, LoaderOf(experiment, stage.batch_size(), seed));
  return RunPhase("stage one", seed, stage.steps(), stage.learning_rate(), experiment.training().log_interval(),
                  experiment, model->Parameters(), hooks, [&](int64_t step) -> absl::StatusOr<train::StepLoss> {
                    ASSIGN_OR_RETURN(const Batch batch, loader.Get(step));
                    const ModelOutputs outputs = model->Forward(batch.images, batch.padding_mask);
                    ASSIGN_OR_RETURN(loss::Losses losses,
                                     loss::ComputeLosses(criterion, outputs, batch.targets,
                                                         static_cast<double>(loss::NumPersons(batch.targets))));
                    return train::StepLoss{losses.total, std::move(losses.values)};
                  });
}

bool BelongsToDecoder(const std::string& name) {
  for (const char* prefix : {"transformer.decoder.", "class_embed.", "pose_embed.", "transformer.keypoint_embedding.",
                             "transformer.instance_embedding."}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  return false;
}

}  // namespace

bool HasPretraining(const experiments::Experiment& experiment) {
  return experiment.pretraining().heatmap().steps() > 0 || experiment.pretraining().stage_one().steps() > 0;
}

absl::StatusOr<std::unique_ptr<GroupPose>> Pretrain(const experiments::Experiment& experiment, uint64_t seed,
                                                    const Dataset& people, const PretrainingHooks& hooks) {
  auto model = std::make_unique<GroupPose>(StageOneModelOptions(experiment));
  nn::Initialise(*model, seed);
  RETURN_IF_ERROR(TrainHeatmaps(experiment, seed, people, hooks, model.get()));
  RETURN_IF_ERROR(TrainStageOne(experiment, seed, people, hooks, model.get()));
  return model;
}

absl::Status LoadPretrained(const std::map<std::string, at::Tensor>& tensors, const std::string& source,
                            GroupPose* model) {
  // what the decoder alone has may be missing, nothing else
  for (const nn::NamedTensor& named : model->NamedTensors()) {
    if (tensors.count(named.name) == 0 && !BelongsToDecoder(named.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(source, ": '", named.name, "' is missing; expected the weights of a pretraining of this model"));
    }
  }
  checkpoint::LoadOptions options;
  options.source = source;
  options.strict = false;
  return checkpoint::LoadIntoModule(tensors, *model, options);
}

}  // namespace grouppose::config
