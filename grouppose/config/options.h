// From an Experiment to the plain option structs of the library's rooms. With run.h the only place below //grouppose
// that knows protobuf.
#ifndef GROUPPOSE_CONFIG_OPTIONS_H_
#define GROUPPOSE_CONFIG_OPTIONS_H_

#include <cstdint>

#include "eval/keypoint_dataset.h"
#include "experiments/experiment.pb.h"
#include "grouppose/data/coco_dataset.h"
#include "grouppose/data/loader.h"
#include "grouppose/data/synthetic_people.h"
#include "grouppose/data/transforms.h"
#include "grouppose/loss/criterion.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/train/optimizer.h"
#include "grouppose/train/schedule.h"

namespace grouppose::config {

// All take a resolved experiment (experiments/experiment.h).
GroupPoseOptions ModelOptions(const experiments::Experiment& experiment);
// The model of the pretraining's second phase: no decoder, its own number of queries.
GroupPoseOptions StageOneModelOptions(const experiments::Experiment& experiment);

SyntheticPeopleOptions SyntheticOptions(const experiments::SyntheticPeople& synthetic);
ImageFilter FilterOptions(const experiments::ImageFilter& filter);
TransformOptions TransformsOf(const experiments::Augmentation& augmentation);
// Of the pretraining: images at the size they are drawn at, flips the only augmentation.
TransformOptions PretrainingTransforms(const experiments::Augmentation& augmentation);

loss::CriterionOptions CriterionOf(const experiments::Experiment& experiment, const eval::KeypointDataset& keypoints);

train::AdamWOptions OptimizerOf(const experiments::Optimizer& optimizer);
// A phase of the pretraining: the run's optimiser with one learning rate for everything.
train::AdamWOptions PretrainingOptimizerOf(const experiments::Optimizer& optimizer, double learning_rate);

// Of the main training: `steps_per_epoch` turns epochs into steps.
train::ScheduleOptions ScheduleOf(const experiments::Training& training, int64_t steps_per_epoch);
int64_t TrainingSteps(const experiments::Training& training, int64_t steps_per_epoch);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_OPTIONS_H_
