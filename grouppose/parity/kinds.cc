#include "grouppose/parity/kinds.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "grouppose/parity/checkpoints.h"

namespace grouppose::parity {

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind>& kinds = *new std::vector<Kind>{
      {"ops_msda_", "", "deformable attention and its gradients", CheckDeformableAttentionOperator},
      {"mod_position_encoding", "", "sine encoding of pixels", CheckPixelPositionEncoding},
      {"mod_gen_sineembed", "", "sine encoding of points", CheckPointPositionEncoding},
      {"mod_encoder_output_proposals", "", "two-stage proposals", CheckEncoderProposals},
      {"mod_reference_points", "", "encoder reference points", CheckReferencePoints},
      {"mod_msdeformattn", "", "deformable attention module", CheckDeformableAttention},
      {"mod_encoder_layer", "", "encoder layer and its gradients", CheckEncoderLayer},
      {"mod_decoder_layer", "", "decoder layer and its gradients", CheckDecoderLayer},
      {"mod_transformer", "", "transformer stage by stage", CheckTransformer},
      {"backbone_", "", "features and masks", CheckBackbone},
      {"model_", "", "outputs, stages and poses", CheckModel},
      {"names_", "", "names, shapes and types", nullptr, CheckNames},
      {"crit_", "", "losses, matchings and gradients", CheckCriterion},
      {"lsa", "", "linear assignment", CheckAssignment},
      {"official_errors", "", "impossible inputs", nullptr, CheckOfficialErrors},
      {"train_", "_grads", "losses and gradients of a step", CheckGradients},
      {"train_", "_adamw", "optimiser steps and averages", CheckOptimizerSteps},
      {"train_", "_engine_stats", "means that the loop logs", nullptr, CheckEngineStatistics},
      {"ema_", "", "integer buffers beside an average", nullptr, CheckIntegerBuffers},
      {"lr_schedule", "", "learning rates, resumed too", nullptr, CheckSchedule},
      {"data_", "_val", "photo to tensor and targets", CheckEvaluationData},
      {"data_", "_train", "flip, resize, crop, normalise", CheckTrainingData},
      {"resize_sizes", "", "sizes after resizing", nullptr, CheckResizeSizes},
      {"recipe_vectors", "", "weight recipe", nullptr, CheckRecipeVectors},
      {"ckpt/", ".pth", "tensors and values, or a refusal", nullptr, nullptr, CheckCheckpointFile},
      {"ckpt/", ".expected", "files that belong to it", nullptr, nullptr, CheckExpectedTensors},
      {"ckpt/pickle_contents", "", "formats and sizes", nullptr, nullptr, CheckPickleContents},
  };
  return kinds;
}

const Kind* FindKind(const std::string& name) {
  for (const Kind& kind : Kinds()) {
    const absl::string_view prefix = kind.prefix;
    if (absl::StartsWith(name, prefix) && absl::StrContains(name.substr(prefix.size()), kind.part)) return &kind;
  }
  return nullptr;
}

}  // namespace grouppose::parity
