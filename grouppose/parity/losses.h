// Losses against recorded ones: what crit_* and train_* share.
#ifndef GROUPPOSE_PARITY_LOSSES_H_
#define GROUPPOSE_PARITY_LOSSES_H_

#include <cstdint>
#include <string>

#include "grouppose/loss/criterion.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"

namespace grouppose::parity {

// The official weights, or those of meta.weight_dict; the spreads of K keypoints.
loss::CriterionOptions CriterionOptionsOf(const Fixture& fixture, int64_t num_keypoints);

// The tolerance of a loss: `tolerance`, and for the mean costs "set_*", in which terms of order one cancel, four
// roundings of float32 at 1.
Tolerance LossTolerance(const std::string& name, Tolerance tolerance);

// Values and their order against meta.losses, meta.loss_keys, "loss.NAME" and "total"; matchings against
// "match.PART.IMAGE.src" and ".tgt".
void CompareLosses(const Fixture& fixture, const loss::Losses& losses, Report* report);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_LOSSES_H_
