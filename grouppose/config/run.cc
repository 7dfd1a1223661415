#include "grouppose/config/run.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "experiments/published.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/config/datasets.h"
#include "grouppose/config/options.h"
#include "grouppose/config/pretraining.h"
#include "grouppose/config/run_folder.h"
#include "grouppose/config/run_parts.h"
#include "grouppose/train/determinism.h"
#include "grouppose/train/evaluate.h"
#include "grouppose/train/loop.h"
#include "grouppose/train/weight_average.h"

namespace grouppose::config {
namespace {

using experiments::Experiment;

constexpr char kPretrainedFile[] = "checkpoints/pretrained.safetensors";

// The pretraining that an earlier start of the same run finished, into the model; false where there is none.
absl::StatusOr<bool> TakeFinishedPretraining(const Experiment& experiment, const RunOptions& options,
                                             GroupPose* model) {
  const std::string path = base::JoinPath(options.output, kPretrainedFile);
  if (options.resume.empty() || !base::FileExists(path)) return false;
  ASSIGN_OR_RETURN(const checkpoint::TensorFile file, checkpoint::ReadSafetensors(path));
  if (file.metadata != IdentityOf(experiment, options)) return false;
  RETURN_IF_ERROR(LoadPretrained(file.tensors, path, model));
  return true;
}

absl::Status StartFromPretraining(const Experiment& experiment, const RunOptions& options, RunFolder* folder,
                                  GroupPose* model) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> people, OpenSynthetic(experiment.data().synthetic(), "train"));
  PretrainingHooks hooks;
  hooks.quiet = options.quiet;
  hooks.on_log = [folder](const train::LogRecord& record) { return folder->Log(record); };
  ASSIGN_OR_RETURN(const std::unique_ptr<GroupPose> pretrained, Pretrain(experiment, options.seed, *people, hooks));
  const std::map<std::string, at::Tensor> weights = WeightsOf(*pretrained);
  if (!options.cell) {
    RETURN_IF_ERROR(
        checkpoint::WriteSafetensors(folder->Path(kPretrainedFile), weights, IdentityOf(experiment, options)));
  }
  return LoadPretrained(weights, "pretraining", model);
}

// Whether the evaluated images are those of a file that the user has: not drawn, and not a part of the training images.
bool IsAnnotationFile(const experiments::Data& data, const std::string& split) {
  return data.source() != experiments::Data::SYNTHETIC && split != "train";
}

// Evaluates, shows the result on stderr and notes it. `weights` says which ones the model has now: "" the trained ones,
// whose results are written, or "average".
absl::Status EvaluateAndRecord(const Experiment& experiment, const RunOptions& options, const Dataset& dataset,
                               const std::string& split, int64_t step, const std::string& weights, GroupPose* model,
                               RunFolder* folder) {
  const double start = CpuSeconds();
  train::EvaluateOptions evaluate;
  evaluate.loader = LoaderOf(experiment, experiment.evaluation().batch_size(), options.seed);
  evaluate.num_select = experiment.evaluation().num_select();
  evaluate.difficulty_of_last_batch = experiment.evaluation().difficulty() == experiments::Evaluation::LAST_BATCH;
  base::Progress progress(absl::StrCat("evaluating on ", split), dataset.size(), ProgressOf(options));
  evaluate.on_progress = [&](int64_t images) { progress.Update(images); };
  ASSIGN_OR_RETURN(const train::Evaluation evaluation, train::EvaluateModel(evaluate, dataset, model));
  progress.Finish();
  if (!options.quiet) {
    std::string line = absl::StrCat("step ", step, ", ", split, weights.empty() ? "" : ", ", weights, ":");
    for (size_t i = 0; i < evaluation.metrics.names.size(); ++i) {
      absl::StrAppend(&line, " ", evaluation.metrics.names[i], absl::StrFormat(" %.3f", evaluation.metrics.stats[i]));
    }
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  folder->AddEvaluation(evaluation.metrics, step, split, weights);
  folder->AddEvaluationSeconds(CpuSeconds() - start);
  if (!weights.empty()) return folder->WriteMetrics();
  RETURN_IF_ERROR(folder->WriteResults(evaluation.detections));
  // so that results.json can be scored by any other program; a report finds everything in the folder of the cell
  if (options.cell || !IsAnnotationFile(experiment.data(), split)) {
    RETURN_IF_ERROR(folder->WriteGroundTruth(dataset.ground_truth()));
  }
  return folder->WriteMetrics();
}

// What the training of one run is made of.
struct TrainingRun {
  const Experiment& experiment;
  const RunOptions& options;
  const Dataset& training_data;
  const Dataset& evaluation_data;
  // SHA-256 of the file that the whole run started from, however often it was resumed; "" where there is none.
  const std::string& initial_sha256;
  GroupPose* model;
  RunFolder* folder;
};

std::optional<train::WeightAverage> StartAverage(const experiments::WeightAverage& options, const GroupPose& model) {
  if (options.decay() == 0) return std::nullopt;
  if (options.entries() == experiments::WeightAverage::STATE_DICT) {
    return train::WeightAverage(model.StateDict(), options.decay(), train::Averaged::kStateDict);
  }
  return train::WeightAverage(model.Parameters(), options.decay());
}

void Follow(const experiments::WeightAverage& options, int64_t epoch, train::WeightAverage* average) {
  if (epoch >= options.first_epoch()) {
    average->Update();
  } else if (options.before_first_epoch() == experiments::WeightAverage::COPY) {
    average->Copy();
  }
}

// First the average, where there is one: the last evaluation is that of the trained weights, and so are the results.
absl::Status EvaluateInTraining(const TrainingRun& run, int64_t step, train::WeightAverage* average) {
  const std::string& split = run.experiment.data().evaluation_split();
  if (average != nullptr) {
    average->Exchange();
    RETURN_IF_ERROR(EvaluateAndRecord(run.experiment, run.options, run.evaluation_data, split, step, "average",
                                      run.model, run.folder));
    average->Exchange();
  }
  return EvaluateAndRecord(run.experiment, run.options, run.evaluation_data, split, step, /*weights=*/"", run.model,
                           run.folder);
}

// A whole model with the averaged weights.
absl::Status SaveAverage(const TrainingRun& run, train::WeightAverage* average) {
  average->Exchange();
  const absl::Status status =
      checkpoint::WriteSafetensors(run.folder->Path("checkpoints/average.safetensors"), WeightsOf(*run.model));
  average->Exchange();
  return status;
}

absl::Status TrainSteps(const TrainingRun& run, const std::optional<ResumePoint>& resume) {
  const experiments::Training& training = run.experiment.training();
  if (run.training_data.size() < training.batch_size()) {
    return absl::InvalidArgumentError(absl::StrCat("training.batch_size is ", training.batch_size(), " and there are ",
                                                   run.training_data.size(),
                                                   " training images; expected a smaller batch"));
  }
  TrainingLoader loader(&run.training_data, LoaderOf(run.experiment, training.batch_size(), run.options.seed));
  const loss::CriterionOptions criterion = CriterionOf(run.experiment, run.training_data.description());
  train::AdamW optimizer(run.model->Parameters(), OptimizerOf(training.optimizer()));
  std::optional<train::WeightAverage> average = StartAverage(training.weight_average(), *run.model);
  if (resume.has_value()) RETURN_IF_ERROR(RestoreState(*resume, *run.model, &optimizer, &average));

  // intervals are in steps where the experiment counts steps, else in epochs
  const int64_t unit = training.steps() > 0 ? 1 : loader.steps_per_epoch();
  train::LoopOptions loop;
  loop.first_step = resume.has_value() ? resume->step : 0;
  const int64_t total_steps = TrainingSteps(training, loader.steps_per_epoch());
  loop.last_step = total_steps;
  if (run.options.stop_after > 0) loop.last_step = std::min(total_steps, loop.first_step + run.options.stop_after);
  loop.steps_per_epoch = loader.steps_per_epoch();
  loop.log_interval = training.log_interval();
  loop.seed = run.options.seed;
  if (!run.options.cell) loop.state_interval = training.checkpoint_interval() * unit;
  const auto due = [&](int64_t interval, int64_t done) {
    return done == total_steps || (interval > 0 && done % (interval * unit) == 0);
  };

  base::ProgressOptions progress_options = ProgressOf(run.options);
  progress_options.done_before = loop.first_step;
  base::Progress progress("training", total_steps, progress_options);
  train::LoopHooks hooks;
  hooks.on_progress = [&](int64_t done, const std::string& text) { progress.Update(done, text); };
  hooks.on_log = [&](const train::LogRecord& record) {
    run.folder->metrics().set_training_steps(record.step);
    run.folder->metrics().set_final_loss(record.loss);
    return run.folder->Log(record);
  };
  hooks.after_step = [&](int64_t done) -> absl::Status {
    if (average.has_value()) Follow(training.weight_average(), (done - 1) / loader.steps_per_epoch(), &*average);
    if (due(training.evaluation_interval(), done)) {
      RETURN_IF_ERROR(EvaluateInTraining(run, done, average.has_value() ? &*average : nullptr));
    }
    if (!run.options.cell && due(training.checkpoint_interval(), done)) {
      RETURN_IF_ERROR(checkpoint::WriteSafetensors(
          run.folder->Path(absl::StrFormat("checkpoints/step%08d.safetensors", done)), WeightsOf(*run.model)));
    }
    if (!run.options.cell && (due(training.checkpoint_interval(), done) || done == loop.last_step)) {
      RETURN_IF_ERROR(SaveState(run.experiment, run.options, *run.model, optimizer, average, done, run.initial_sha256,
                                run.folder->Path(kStateFile)));
      if (average.has_value()) RETURN_IF_ERROR(SaveAverage(run, &*average));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(train::RunLoop(
      loop, ScheduleOf(training, loader.steps_per_epoch()), &optimizer,
      [&](int64_t step) -> absl::StatusOr<train::StepLoss> {
        ASSIGN_OR_RETURN(const Batch batch, loader.Get(step));
        const ModelOutputs outputs = run.model->Forward(batch.images, batch.padding_mask);
        ASSIGN_OR_RETURN(loss::Losses losses,
                         loss::ComputeLosses(criterion, outputs, batch.targets,
                                             static_cast<double>(loss::NumPersons(batch.targets))));
        return train::StepLoss{losses.total, std::move(losses.values)};
      },
      hooks));
  progress.Finish();
  if (loop.last_step < total_steps && !run.options.quiet) {
    std::fprintf(stderr, "stopped after step %lld of %lld; --resume=auto goes on\n",
                 static_cast<long long>(loop.last_step), static_cast<long long>(total_steps));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> HashOf(const Experiment& experiment, const std::vector<const Dataset*>& datasets) {
  const bool with_pixels = experiment.data().source() == experiments::Data::SYNTHETIC;
  std::string hashes;
  for (const Dataset* dataset : datasets) {
    ASSIGN_OR_RETURN(const std::string hash, DataSha256(*dataset, with_pixels));
    hashes += hash;
  }
  return base::Sha256(hashes);
}

}  // namespace

absl::Status RunPretraining(const Experiment& experiment, const RunOptions& options) {
  SetThreads(options);
  if (!HasPretraining(experiment)) {
    return absl::InvalidArgumentError(absl::StrCat(
        experiment.name(), ": pretraining.heatmap.steps and pretraining.stage_one.steps are 0; nothing to train"));
  }
  ASSIGN_OR_RETURN(RunFolder folder, RunFolder::Open(experiment, options));
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> people, OpenSynthetic(experiment.data().synthetic(), "train"));
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> test, OpenSynthetic(experiment.data().synthetic(), "test"));
  PretrainingHooks hooks;
  hooks.quiet = options.quiet;
  hooks.on_log = [&folder](const train::LogRecord& record) {
    folder.metrics().set_training_steps(record.step);
    folder.metrics().set_final_loss(record.loss);
    return folder.Log(record);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<GroupPose> model, Pretrain(experiment, options.seed, *people, hooks));
  CountParameters(*model, &folder.metrics());
  RETURN_IF_ERROR(EvaluateAndRecord(experiment, options, *test, "test", folder.metrics().training_steps(),
                                    /*weights=*/"", model.get(), &folder));
  RETURN_IF_ERROR(checkpoint::WriteSafetensors(folder.Path("checkpoint.safetensors"), WeightsOf(*model)));
  experiments::Provenance provenance;
  ASSIGN_OR_RETURN(*provenance.mutable_data_sha256(), HashOf(experiment, {people.get(), test.get()}));
  RETURN_IF_ERROR(folder.WriteProvenance(provenance));
  return folder.WriteTimes();
}

absl::Status RunTraining(const Experiment& experiment, const RunOptions& options) {
  SetThreads(options);
  const GroupPoseOptions model_options = ModelOptions(experiment);
  RETURN_IF_ERROR(CheckScheme(model_options));
  // everything that can be refused is, before anything is written
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> training_data,
                   OpenDataset(experiment.data(), options.data_root, "train"));
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> evaluation_data,
                   OpenDataset(experiment.data(), options.data_root, experiment.data().evaluation_split()));
  RETURN_IF_ERROR(CheckNoRunIsLost(options));
  ASSIGN_OR_RETURN(const std::optional<ResumePoint> resume, FindResumePoint(experiment, options));
  GroupPose model(model_options);
  nn::Initialise(model, options.seed);
  std::string initial_sha256;
  if (resume.has_value()) {
    const auto saved = resume->file.metadata.find(kInitialSha256);
    if (saved != resume->file.metadata.end()) initial_sha256 = saved->second;
  } else {
    ASSIGN_OR_RETURN(initial_sha256, LoadStart(experiment, options, &model));
  }

  const bool pretrain = options.init.empty() && !resume.has_value() && HasPretraining(experiment);
  bool pretrained = false;
  if (pretrain) {
    ASSIGN_OR_RETURN(pretrained, TakeFinishedPretraining(experiment, options, &model));
  }

  std::optional<int64_t> steps_done;
  if (resume.has_value() || pretrained) steps_done = resume.has_value() ? resume->step : 0;
  ASSIGN_OR_RETURN(RunFolder folder, RunFolder::Open(experiment, options, steps_done));
  CountParameters(model, &folder.metrics());
  if (pretrain && !pretrained) {
    RETURN_IF_ERROR(StartFromPretraining(experiment, options, &folder, &model));
  }
  RETURN_IF_ERROR(
      TrainSteps({experiment, options, *training_data, *evaluation_data, initial_sha256, &model, &folder}, resume));

  if (options.cell) {
    RETURN_IF_ERROR(checkpoint::WriteSafetensors(folder.Path("checkpoint.safetensors"), WeightsOf(model)));
  }
  RETURN_IF_ERROR(folder.WriteMetrics());
  experiments::Provenance provenance;
  ASSIGN_OR_RETURN(*provenance.mutable_data_sha256(), HashOf(experiment, {training_data.get(), evaluation_data.get()}));
  if (!initial_sha256.empty()) provenance.set_initial_checkpoint_sha256(initial_sha256);
  RETURN_IF_ERROR(folder.WriteProvenance(provenance));
  return folder.WriteTimes();
}

absl::Status RunEvaluation(const Experiment& experiment, const std::string& checkpoint, const std::string& split,
                           const RunOptions& options) {
  SetThreads(options);
  const GroupPoseOptions model_options = ModelOptions(experiment);
  RETURN_IF_ERROR(CheckScheme(model_options));
  RETURN_IF_ERROR(CheckNoTrainingIsThere(options));
  const std::string name = split.empty() ? experiment.data().evaluation_split() : split;
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> dataset, OpenDataset(experiment.data(), options.data_root, name));
  GroupPose model(model_options);
  RETURN_IF_ERROR(LoadCheckpoint(checkpoint, experiment, options, &model));
  ASSIGN_OR_RETURN(RunFolder folder, RunFolder::OpenForEvaluation(experiment, options));
  CountParameters(model, &folder.metrics());
  RETURN_IF_ERROR(EvaluateAndRecord(experiment, options, *dataset, name, /*step=*/0, /*weights=*/"", &model, &folder));
  const std::string comparison = experiments::ComparePublished(experiment, *folder.metrics().evaluations().rbegin());
  if (!comparison.empty()) std::printf("%s\n", comparison.c_str());
  experiments::Provenance provenance;
  ASSIGN_OR_RETURN(*provenance.mutable_data_sha256(), HashOf(experiment, {dataset.get()}));
  ASSIGN_OR_RETURN(*provenance.mutable_initial_checkpoint_sha256(), base::Sha256OfFile(checkpoint));
  RETURN_IF_ERROR(folder.WriteProvenance(provenance));
  return folder.WriteTimes();
}

}  // namespace grouppose::config
