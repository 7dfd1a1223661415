// A recorded training: model, batch and optimiser as a recording describes them.
#ifndef GROUPPOSE_PARITY_TRAINING_H_
#define GROUPPOSE_PARITY_TRAINING_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grouppose/loss/criterion.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/train/optimizer.h"

namespace grouppose::parity {

class RecordedTraining {
 public:
  explicit RecordedTraining(const Fixture& fixture);

  // Of the one batch.
  ModelOutputs Outputs() const { return model_->Forward(images_, padding_mask_); }
  // FixtureError where they are refused.
  loss::Losses Losses(const ModelOutputs& outputs) const;

  GroupPose& model() const { return *model_; }
  // By every name of the official state dict; shared heads have two.
  std::map<std::string, at::Tensor> TensorsByName() const;

 private:
  std::unique_ptr<GroupPose> model_;
  loss::CriterionOptions criterion_;
  at::Tensor images_, padding_mask_;
  Targets targets_;
};

// meta.lr, lr_backbone, weight_decay, clip_max_norm, betas, eps.
train::AdamWOptions OptimizerOptions(const Fixture& fixture);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_TRAINING_H_
