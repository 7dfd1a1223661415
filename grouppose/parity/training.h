// A recorded training: model, batch and optimiser as a recording describes them.
#ifndef GROUPPOSE_PARITY_TRAINING_H_
#define GROUPPOSE_PARITY_TRAINING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grouppose/loss/criterion.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"
#include "grouppose/train/optimizer.h"

namespace grouppose::parity {

class RecordedTraining {
 public:
  // `changed`: 0 takes the recorded images, every other number moves about two thirds of their values, and others each,
  // by one to sixteen units in the last place.
  explicit RecordedTraining(const Fixture& fixture, uint64_t changed = 0);

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

// A gradient jumps where a ReLU's input is 0 and where a sampling point crosses a pixel's border, and a value within
// rounding of such a place falls on one side here and on the other there. Where nothing differs but what `may_jump`
// names, `check` is therefore run again on images of other last bits (RecordedTraining's `changed`), and passes where
// everything of one such run is right: both gradients are then those of inputs that are equal but for rounding. A wrong
// derivative is wrong in every run, and so is one that depends on the threads, whose number stays the same; that
// nothing is left to chance is seen from one more run on the recorded images, which must give the same numbers.
void CheckNearJumps(const std::function<void(uint64_t changed, Report* report)>& check,
                    const std::function<bool(const std::string& what)>& may_jump, Report* report);

// meta.lr, lr_backbone, weight_decay, clip_max_norm, betas, eps.
train::AdamWOptions OptimizerOptions(const Fixture& fixture);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_TRAINING_H_
