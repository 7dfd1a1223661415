#include "grouppose/config/dry_run.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "experiments/dataset_description.h"
#include "grouppose/checkpoint/load.h"
#include "grouppose/config/datasets.h"
#include "grouppose/config/options.h"
#include "grouppose/config/pretraining.h"
#include "grouppose/config/run_parts.h"

namespace grouppose::config {
namespace {

using experiments::Experiment;

// Names on the left, one or more lines on the right.
class Description {
 public:
  void Add(const std::string& name, const std::string& line) {
    absl::StrAppendFormat(&text_, "  %-15s %s\n", name, line);
  }
  void Title(const std::string& line) { absl::StrAppend(&text_, line, "\n"); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string Number(double value) { return absl::StrFormat("%g", value); }

// What is known of a split; `size` is 0 where its images could not be counted.
struct Split {
  std::string text;
  int64_t size = 0;
};

absl::StatusOr<Split> Look(const experiments::Data& data, const std::string& root, const std::string& split) {
  if (data.source() == experiments::Data::SYNTHETIC) {
    const std::map<std::string, int64_t> sizes = {{"train", data.synthetic().train_images()},
                                                  {"tuning", data.synthetic().tuning_images()},
                                                  {"test", data.synthetic().test_images()}};
    const auto found = sizes.find(split);
    if (found == sizes.end()) return OpenDataset(data, root, split).status();  // no such split
    return Split{absl::StrCat(split, " of the synthetic people, ", found->second, " images"), found->second};
  }
  const std::string name = absl::StrCat(split, " of ", experiments::DatasetName(data));
  if (root.empty()) return Split{absl::StrCat(name, "; not looked at: no --data is given"), 0};
  if (!base::FileExists(root)) return Split{absl::StrCat(name, "; not looked at: there is no ", root), 0};
  ASSIGN_OR_RETURN(const std::unique_ptr<Dataset> dataset, OpenDataset(data, root, split));
  return Split{absl::StrCat(name, " in ", root, ", ", dataset->size(), " images"), dataset->size()};
}

void AddModel(const Experiment& experiment, const GroupPose& model, Description* description) {
  int64_t all = 0;
  for (const nn::NamedTensor& named : model.Parameters()) all += named.tensor.numel();
  experiments::Metrics counts;
  CountParameters(model, &counts);
  description->Add("model", absl::StrCat(experiments::Backbone::Kind_Name(experiment.model().backbone().kind()), ", ",
                                         experiments::Model::SelfAttention_Name(experiment.model().self_attention()),
                                         ", ", experiment.model().num_queries(), " queries of ",
                                         experiment.model().num_body_points(), " keypoints"));
  description->Add("parameters", absl::StrCat(all, ", ", counts.trainable_parameters(), " of them trained, ",
                                              counts.attention_parameters(), " in the decoder's self-attention"));
}

// The weights that a run starts from, loaded where the file is there.
absl::StatusOr<std::string> Start(const Experiment& experiment, const RunOptions& options,
                                  const std::optional<ResumePoint>& resume, GroupPose* model) {
  if (resume.has_value()) return absl::StrCat(resume->path, ", after step ", resume->step);
  if (!options.resume.empty() && options.resume != "auto") {
    return absl::StrCat(options.resume, "; not looked at: there is no such file");
  }
  const std::string& file = options.init.empty() ? options.init_backbone : options.init;
  if (!file.empty()) {
    const std::string start = absl::StrCat(file, options.init.empty() ? " for the backbone" : "");
    if (!base::FileExists(file)) return absl::StrCat(start, "; not looked at: there is no such file");
    RETURN_IF_ERROR(LoadStart(experiment, options, model).status());
    return start;
  }
  const std::string initial = absl::StrCat("initial values of seed ", options.seed);
  if (!HasPretraining(experiment)) return initial;
  return absl::StrCat(initial, ", then pretraining on synthetic people: ", experiment.pretraining().heatmap().steps(),
                      " steps of heatmaps, ", experiment.pretraining().stage_one().steps(), " of stage one");
}

std::string Steps(const experiments::Training& training, int64_t images) {
  const int64_t per_epoch = images / training.batch_size();
  const std::string batch = absl::StrCat(training.batch_size(), training.batch_size() == 1 ? " image" : " images");
  if (training.has_steps()) return absl::StrCat(training.steps(), " of ", batch);
  if (per_epoch == 0) return absl::StrCat(training.epochs(), " epochs in steps of ", batch);
  return absl::StrCat(training.epochs() * per_epoch, " of ", batch, " (", training.epochs(), " epochs)");
}

std::string ScheduleText(const experiments::Training& training) {
  const experiments::Schedule& schedule = training.schedule();
  if (schedule.kind() == experiments::Schedule::STEP) {
    return absl::StrCat("times ", schedule.drop_factor(), " every ", schedule.drop_epoch(), " epochs");
  }
  return absl::StrCat("half a cosine to zero, after ", schedule.warmup_steps(), " steps of warm-up");
}

std::string Every(int interval, bool in_steps) {
  if (interval == 0) return "at the end";
  const std::string unit = in_steps ? "step" : "epoch";
  return absl::StrCat("every ", interval == 1 ? unit : absl::StrCat(interval, " ", unit, "s"), ", and at the end");
}

void AddOptimizer(const Experiment& experiment, const GroupPose& model, Description* description) {
  const experiments::Training& training = experiment.training();
  const train::AdamW optimizer(model.Parameters(), OptimizerOf(training.optimizer()));
  for (const train::AdamW::Group& group : optimizer.groups()) {
    int64_t parameters = 0;
    for (const train::AdamW::Parameter& parameter : group.parameters) parameters += parameter.value.numel();
    description->Add("learning rate", absl::StrCat(Number(group.learning_rate), ", weight decay ",
                                                   Number(group.weight_decay), ": ", group.name, ", ", parameters,
                                                   " parameters in ", group.parameters.size(), " tensors"));
  }
  description->Add("schedule", ScheduleText(training));
  description->Add("clipping", training.optimizer().clip_max_norm() == 0
                                   ? "none"
                                   : absl::StrCat("to a gradient norm of ", training.optimizer().clip_max_norm()));
  if (training.weight_average().decay() > 0) {
    description->Add("weight average", absl::StrCat("decay ", training.weight_average().decay(), ", from epoch ",
                                                    training.weight_average().first_epoch(), " on"));
  }
}

void AddFiles(const RunOptions& options, std::vector<std::string> files, Description* description) {
  for (const std::string& file : files) description->Add("would write", base::JoinPath(options.output, file));
  description->Title("dry run: nothing was written");
}

}  // namespace

absl::StatusOr<std::string> DescribeTraining(const Experiment& experiment, const RunOptions& options) {
  const GroupPoseOptions model_options = ModelOptions(experiment);
  RETURN_IF_ERROR(CheckScheme(model_options));
  const std::string& evaluated = experiment.data().evaluation_split();
  ASSIGN_OR_RETURN(const Split training, Look(experiment.data(), options.data_root, "train"));
  ASSIGN_OR_RETURN(const Split evaluation, Look(experiment.data(), options.data_root, evaluated));
  if (training.size > 0 && training.size < experiment.training().batch_size()) {
    return absl::InvalidArgumentError(absl::StrCat("training.batch_size is ", experiment.training().batch_size(),
                                                   " and there are ", training.size,
                                                   " training images; expected a smaller batch"));
  }
  RETURN_IF_ERROR(CheckNoRunIsLost(options));
  std::optional<ResumePoint> resume;
  if (options.resume == "auto" || base::FileExists(options.resume)) {
    ASSIGN_OR_RETURN(resume, FindResumePoint(experiment, options));
  }
  GroupPose model(model_options);
  ASSIGN_OR_RETURN(const std::string start, Start(experiment, options, resume, &model));

  const experiments::Training& plan = experiment.training();
  Description description;
  description.Title(absl::StrCat("train ", experiment.name(), ": ", experiment.description()));
  description.Add("training data", training.text);
  description.Add("evaluation data", evaluation.text);
  AddModel(experiment, model, &description);
  description.Add("start", start);
  description.Add("steps", Steps(plan, training.size));
  AddOptimizer(experiment, model, &description);
  description.Add("evaluations", Every(plan.evaluation_interval(), plan.has_steps()));
  description.Add("checkpoints", Every(plan.checkpoint_interval(), plan.has_steps()));
  AddFiles(options,
           {"experiment.textproto", "provenance.textproto", "metrics.textproto", "times.textproto", "log.jsonl",
            "results.json", "checkpoints/"},
           &description);
  return description.text();
}

absl::StatusOr<std::string> DescribeEvaluation(const Experiment& experiment, const std::string& checkpoint,
                                               const std::string& split, const RunOptions& options) {
  const GroupPoseOptions model_options = ModelOptions(experiment);
  RETURN_IF_ERROR(CheckScheme(model_options));
  RETURN_IF_ERROR(CheckNoTrainingIsThere(options));
  ASSIGN_OR_RETURN(const Split data, Look(experiment.data(), options.data_root,
                                          split.empty() ? experiment.data().evaluation_split() : split));
  GroupPose model(model_options);
  std::string weights = absl::StrCat(checkpoint, "; not looked at: there is no such file");
  if (base::FileExists(checkpoint)) {
    RETURN_IF_ERROR(LoadCheckpoint(checkpoint, experiment, options, &model));
    weights = checkpoint;
  }

  Description description;
  description.Title(absl::StrCat("evaluate ", experiment.name(), ": ", experiment.description()));
  description.Add("evaluation data", data.text);
  AddModel(experiment, model, &description);
  description.Add("weights", weights);
  description.Add("batches", absl::StrCat(experiment.evaluation().batch_size(), " images, ",
                                          experiment.evaluation().num_select(), " poses of each are kept"));
  if (!experiment.published().empty()) description.Add("compared with", experiment.published());
  AddFiles(options,
           {"experiment.textproto", "provenance.textproto", "metrics.textproto", "times.textproto", "results.json"},
           &description);
  return description.text();
}

}  // namespace grouppose::config
