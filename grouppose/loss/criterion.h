// The training loss: every prediction is matched with the annotated persons, and scored by three losses.
//
//   CriterionOptions options;
//   options.matcher.sigmas = ...;
//   ASSIGN_OR_RETURN(Losses losses, ComputeLosses(options, outputs, batch.targets, NumPersons(batch.targets)));
//   losses.total.backward();
//
// Per prediction, all divided by num_boxes (the number of persons):
//   loss_ce         focal loss (Lin et al. 2017; gamma 2) over all queries and classes; a matched query should say the
//                   person's label, every other one nothing
//   loss_keypoints  L1 on visible joints of matched poses, normalised coordinates
//   loss_oks        1 - OKS of matched poses (batch_view.h), clamped below at OKS 1e-6
// and, to watch only: class_error (percent of matched queries whose best class is wrong; last layer only; 100 without
// persons), set_class and set_keypoints (mean matching costs, matcher.h).
//
// The names carry a suffix: none for the last decoder layer, _0, _1, ... for the layers before it, _interm for the
// encoder's output. A prediction whose tensors are undefined (a model without decoder) is left out.
//
// All is computed on the CPU in plain loops, gradients with it, wherever the outputs lie; the total is one node of the
// autograd graph. It can be differentiated once.
#ifndef GROUPPOSE_LOSS_CRITERION_H_
#define GROUPPOSE_LOSS_CRITERION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/data/targets.h"
#include "grouppose/loss/matcher.h"
#include "grouppose/model/outputs.h"

namespace grouppose::loss {

struct CriterionOptions {
  MatcherOptions matcher;  // its sigmas serve the OKS loss too
  double focal_alpha = 0.25;
  double class_weight = 2;
  double keypoints_weight = 10;
  double oks_weight = 4;
  double intermediate_weight = 1;  // a further factor on the encoder's losses
  bool auxiliary_losses = true;    // false: the layers before the last are not scored
  // false: as the official program, a loss that is not finite is handed out where the matching has an answer. Its
  // gradients mean nothing.
  bool refuse_not_finite = true;
};

struct Losses {
  at::Tensor total;  // [], the weighted sum, differentiable
  // Unweighted, in the order in which the official code names them: last layer, earlier layers, encoder.
  std::vector<std::pair<std::string, double>> values;
  std::vector<Matching> matchings;  // of the predictions in the same order
};

// `num_boxes`: the number of persons, averaged over the processes that train together; taken as at least 1.
// Float64 outputs are computed in float64, all others in float32.
// InvalidArgument for impossible targets. Internal where a matching cost is NaN, and under `refuse_not_finite` where a
// loss is not finite: "loss is not finite: ...", with the prediction and the part.
absl::StatusOr<Losses> ComputeLosses(const CriterionOptions& options, const ModelOutputs& outputs,
                                     const Targets& targets, double num_boxes);

int64_t NumPersons(const Targets& targets);

}  // namespace grouppose::loss

#endif  // GROUPPOSE_LOSS_CRITERION_H_
