// The stages of a transformer against recorded ones, whichever of them a recording has.
#ifndef GROUPPOSE_PARITY_STAGES_H_
#define GROUPPOSE_PARITY_STAGES_H_

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"
#include "grouppose/transformer/transformer.h"

namespace grouppose::parity {

// Compares (each also as NAME_sub, of which every n-th row is stored)
//   memory, enc_class, topk, mix_refpoint, mix_embedding, tgt, refpoints_sigmoid   encoder and selection
//   hs_poseI, refpoint_poseI, decI_raw                                             decoder layer I
//   posL                                                                           sine encoding of level L
// A stage without a tolerance of its own takes that of pred_logits. `final_pose` gives the last layer's refined points,
// [batch, N, K, 2].
void CompareStages(const Fixture& fixture, Transformer& transformer, const std::vector<at::Tensor>& levels,
                   const std::vector<at::Tensor>& masks,
                   const std::function<at::Tensor(const DecoderOutputs&)>& final_pose, Report* report);

// meta.tol of a stage; that of pred_logits where it has none.
Tolerance StageTolerance(const Fixture& fixture, const std::string& name);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_STAGES_H_
