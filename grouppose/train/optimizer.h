// AdamW with the parameter groups of Group Pose, and clipping by the total gradient norm.
//
//   AdamW optimizer(model.Parameters(), options);
//   for (...) {
//     optimizer.ZeroGradients();
//     losses.total.backward();
//     ASSIGN_OR_RETURN(double norm, optimizer.Step(LearningRateFactor(schedule, step, epoch)));
//   }
//
// Loshchilov & Hutter 2019, "Decoupled weight decay regularization". By default weight decay takes in every parameter,
// norms and biases too, as the published training did.
#ifndef GROUPPOSE_TRAIN_OPTIMIZER_H_
#define GROUPPOSE_TRAIN_OPTIMIZER_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grouppose/nn/module.h"

namespace grouppose::train {

// Which parameters have a learning rate or weight decay of their own; a parameter belongs where its name says. The
// three forms of the official program.
enum class ParameterGroups {
  kBackbone,            // the rest; "backbone"
  kBackboneAndOffsets,  // the rest; "backbone.0"; "sampling_offsets" or "reference_points", at a share of the rate
  // the rest; of the backbone what contains "norm" or "bias", not decayed; the rest of the backbone; of all others what
  // contains "norm" or "bias", not decayed
  kNormsAndBiasesApart,
};

struct AdamWOptions {
  ParameterGroups groups = ParameterGroups::kBackbone;
  double learning_rate = 1e-4;
  double backbone_learning_rate = 1e-5;  // of parameters with "backbone" in the name
  double offsets_factor = 0.1;           // of the learning rate, for the third group of kBackboneAndOffsets
  double weight_decay = 1e-4;
  double clip_max_norm = 0.1;  // 0: gradients are not clipped
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
};

class AdamW {
 public:
  struct Parameter {
    std::string name;
    at::Tensor value;
    at::Tensor exp_avg, exp_avg_sq;  // running means of the gradient and its square, like `value`
    at::Tensor step;                 // [] float32: updates so far
  };
  struct Group {
    std::string name;  // for a reader: "backbone"
    double learning_rate = 0;
    double weight_decay = 0;
    std::vector<Parameter> parameters;
  };

  // Takes the parameters that require a gradient; the frozen ones stay as they are.
  AdamW(const std::vector<nn::NamedTensor>& parameters, const AdamWOptions& options);

  // Drops all gradients. A parameter that then gets none is left alone by Step, weight decay included.
  void ZeroGradients();

  // Clips the gradients and makes one update with all learning rates times `learning_rate_factor`. Returns the total
  // norm before clipping. The gradients are changed: they are what the update used.
  // Internal where the norm is not finite (with the first such parameter); nothing was updated then.
  absl::StatusOr<double> Step(double learning_rate_factor);

  // "NAME.exp_avg", "NAME.exp_avg_sq" and "NAME.step" of every parameter; the tensors share memory with the optimiser.
  std::map<std::string, at::Tensor> State() const;
  // Copies such a state. InvalidArgument, and nothing changed, where a name is missing or unknown or a shape differs.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

  // In the order that ParameterGroups says.
  const std::vector<Group>& groups() const { return groups_; }

 private:
  AdamWOptions options_;
  std::vector<Group> groups_;
};

// Total Euclidean norm of the gradients of `groups` (undefined ones count as 0), summed in float64 in a fixed
// order: the same for any number of threads.
double GradientNorm(const std::vector<AdamW::Group>& groups);

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_OPTIMIZER_H_
