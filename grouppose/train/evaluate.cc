#include "grouppose/train/evaluate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "grouppose/model/postprocess.h"

namespace grouppose::train {
namespace {

// What a model is judged by: its last layer, or the encoder's poses with K visibilities behind them.
PosePrediction JudgedPrediction(const ModelOutputs& outputs) {
  if (outputs.final.logits.defined()) return outputs.final;
  PosePrediction prediction = outputs.intermediate;
  const at::Tensor& points = prediction.keypoints;
  const at::Tensor visible = at::ones({points.size(0), points.size(1), points.size(2) / 2}, points.options());
  prediction.keypoints = at::cat({points, visible}, /*dim=*/2);
  return prediction;
}

at::Tensor SizesOf(const Batch& batch) {
  at::Tensor sizes = at::empty({static_cast<int64_t>(batch.original_sizes.size()), 2});
  float* out = sizes.mutable_data_ptr<float>();
  for (const ImageSize& size : batch.original_sizes) {
    *out++ = static_cast<float>(size.height);
    *out++ = static_cast<float>(size.width);
  }
  return sizes;
}

void AppendDetections(const ImagePoses& poses, int64_t image_id, std::vector<eval::Detection>* out) {
  const at::Tensor scores = poses.scores.cpu().contiguous(), labels = poses.labels.cpu().contiguous(),
                   keypoints = poses.keypoints.cpu().contiguous();
  const int64_t width = keypoints.size(1);
  const float *score = scores.const_data_ptr<float>(), *point = keypoints.const_data_ptr<float>();
  const int64_t* label = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < scores.size(0); ++i) {
    eval::Detection detection;
    detection.image_id = image_id;
    detection.category_id = label[i];
    detection.score = score[i];
    detection.keypoints.assign(point + i * width, point + (i + 1) * width);
    out->push_back(std::move(detection));
  }
}

struct Predictions {
  std::vector<eval::Detection> detections;
  size_t last_batch = 0;  // its first detection
};

absl::StatusOr<Predictions> PredictAll(const EvaluateOptions& options, const Dataset& dataset, GroupPose* model) {
  const at::NoGradGuard no_grad;
  const bool was_training = model->training();
  model->SetTraining(false);
  Predictions predictions;
  EvaluationLoader loader(&dataset, options.loader);
  int64_t images = 0;
  for (int64_t index = 0; index < loader.batches(); ++index) {
    ASSIGN_OR_RETURN(const Batch batch, loader.Get(index));
    const ModelOutputs outputs = model->Forward(batch.images, batch.padding_mask);
    const std::vector<ImagePoses> poses = PostProcess(JudgedPrediction(outputs), SizesOf(batch), options.num_select);
    predictions.last_batch = predictions.detections.size();
    for (size_t i = 0; i < poses.size(); ++i) AppendDetections(poses[i], batch.image_ids[i], &predictions.detections);
    images += static_cast<int64_t>(poses.size());
    if (options.on_progress) options.on_progress(images);
  }
  model->SetTraining(was_training);
  return predictions;
}

absl::Status TakeDifficultyOfLastBatch(const Dataset& dataset, const Predictions& predictions,
                                       const eval::EvaluatorOptions& evaluator, eval::Metrics* metrics) {
  const std::vector<eval::Detection> last(predictions.detections.begin() + predictions.last_batch,
                                          predictions.detections.end());
  ASSIGN_OR_RETURN(const eval::Metrics of_last, eval::Evaluate(dataset.ground_truth(), last, evaluator));
  for (size_t i = 0; i < metrics->names.size(); ++i) {
    if (metrics->names[i] == "AP_easy" || metrics->names[i] == "AP_medium" || metrics->names[i] == "AP_hard") {
      metrics->stats[i] = of_last.stats[i];
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<eval::Detection>> Predict(const EvaluateOptions& options, const Dataset& dataset,
                                                     GroupPose* model) {
  ASSIGN_OR_RETURN(Predictions predictions, PredictAll(options, dataset, model));
  return std::move(predictions.detections);
}

absl::StatusOr<Evaluation> EvaluateModel(const EvaluateOptions& options, const Dataset& dataset, GroupPose* model) {
  Evaluation evaluation;
  ASSIGN_OR_RETURN(Predictions predictions, PredictAll(options, dataset, model));
  eval::EvaluatorOptions evaluator;
  evaluator.dataset = dataset.description();
  ASSIGN_OR_RETURN(evaluation.metrics, eval::Evaluate(dataset.ground_truth(), predictions.detections, evaluator));
  if (options.difficulty_of_last_batch && evaluator.dataset.summary_rule == eval::SummaryRule::kByCrowdIndex) {
    RETURN_IF_ERROR(TakeDifficultyOfLastBatch(dataset, predictions, evaluator, &evaluation.metrics));
  }
  evaluation.detections = std::move(predictions.detections);
  return evaluation;
}

}  // namespace grouppose::train
