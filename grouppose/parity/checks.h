// One check a kind of recording: runs this build on the recording's inputs and compares with its outputs.
//
// Everything comes from the recording: configuration, seeds, sizes and tolerances. Where a tolerance is not recorded
// the check says which it takes. What is missing or impossible throws, and fails that recording alone.
#ifndef GROUPPOSE_PARITY_CHECKS_H_
#define GROUPPOSE_PARITY_CHECKS_H_

#include <string>

#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"

namespace grouppose::parity {

// ops_msda_*: the operator in float64 and float32, forward and backward.
void CheckDeformableAttentionOperator(const Fixture& fixture, Report* report);

// mod_*: parts of the model.
void CheckPixelPositionEncoding(const Fixture& fixture, Report* report);
void CheckPointPositionEncoding(const Fixture& fixture, Report* report);
void CheckEncoderProposals(const Fixture& fixture, Report* report);
void CheckReferencePoints(const Fixture& fixture, Report* report);
void CheckDeformableAttention(const Fixture& fixture, Report* report);
void CheckEncoderLayer(const Fixture& fixture, Report* report);
void CheckDecoderLayer(const Fixture& fixture, Report* report);
void CheckTransformer(const Fixture& fixture, Report* report);

// backbone_*, model_*: features; outputs, stages and postprocessing.
void CheckBackbone(const Fixture& fixture, Report* report);
void CheckModel(const Fixture& fixture, Report* report);

// names_*: the state dict's names, shapes and types.
void CheckNames(const JsonFile& table, Report* report);

// crit_*, lsa*, official_errors*: losses, matchings, gradients; linear assignment; impossible inputs.
void CheckCriterion(const Fixture& fixture, Report* report);
void CheckAssignment(const Fixture& fixture, Report* report);
void CheckOfficialErrors(const JsonFile& table, Report* report);

// train_*: gradients of the whole model; optimiser steps and averages; what the official loop logs of those steps.
void CheckGradients(const Fixture& fixture, Report* report);
void CheckOptimizerSteps(const Fixture& fixture, Report* report);
void CheckEngineStatistics(const JsonFile& table, Report* report);

// ema_*, lr_schedule*: integer buffers beside an average; the learning rate's schedule, resumed too.
void CheckIntegerBuffers(const JsonFile& table, Report* report);
void CheckSchedule(const JsonFile& table, Report* report);

// data_*_val, data_*_train, resize_sizes*: from the photo to the tensor; each transform; size arithmetic.
void CheckEvaluationData(const Fixture& fixture, Report* report);
void CheckTrainingData(const Fixture& fixture, Report* report);
void CheckResizeSizes(const JsonFile& table, Report* report);

// recipe_vectors*: the weight recipe itself.
void CheckRecipeVectors(const JsonFile& table, Report* report);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_CHECKS_H_
