// A whole run, from an Experiment to the files it leaves: what `grouppose train`, `grouppose evaluate` and the cells of
// a study share.
//
// A run writes into its folder
//   experiment.textproto   resolved, every field set
//   provenance.textproto   SHA-256 of experiment, program, LibTorch, data and initial checkpoint
//   log.jsonl              a line every log interval: phase, step, loss, its parts, learning rate, gradient norm
//   metrics.textproto      evaluations, counts of parameters and attention pairs
//   results.json           COCO results of the last evaluation
//   ground_truth.json      what they were measured against, where that is no file of the user (drawn or filtered)
//   times.textproto        seconds; the only file that differs between two equal runs
//   checkpoints/           weights (safetensors) and, in latest.safetensors, the optimiser's state; where the
//   experiment
//                          has training.weight_average, the averaged weights in average.safetensors
#ifndef GROUPPOSE_CONFIG_RUN_H_
#define GROUPPOSE_CONFIG_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "experiments/experiment.pb.h"

namespace grouppose::config {

struct RunOptions {
  std::string output;     // folder; made where it does not exist
  std::string data_root;  // of a COCO experiment
  uint64_t seed = 0;
  std::string init;                      // weights to start from; replace the pretraining of the experiment
  std::vector<std::string> init_ignore;  // names that contain one of these are not loaded
  bool init_lenient = false;             // names of `init` that only one side has are passed over
  std::string init_backbone;             // ImageNet weights of the backbone alone
  std::string weights;         // of a .pth file: which state dict, such as "ema_model"; "": see ReadCheckpoint
  std::string resume;          // "", "auto" (where the folder has a state) or a file
  int64_t stop_after = 0;      // training steps of this start; the state is saved for --resume; 0: all steps
  int threads = 0;             // of one operator; 0: as many as there are cores
  bool deterministic = false;  // one thread, torch's deterministic algorithms (see train/determinism.h)
  bool quiet = false;          // no progress
  // Of a cell: weights in checkpoint.safetensors, ground_truth.json always, no state to resume from.
  bool cell = false;
};

// The pretraining alone: heatmaps on the backbone, then stage one. Leaves its weights in checkpoint.safetensors.
absl::Status RunPretraining(const experiments::Experiment& experiment, const RunOptions& options);

// Pretraining where the experiment has one and `init` is empty, then training with evaluations.
absl::Status RunTraining(const experiments::Experiment& experiment, const RunOptions& options);

// Evaluates `checkpoint`, and prints on stdout how its numbers differ from the published row that the experiment names,
// on a split ("train", "val"; synthetic: "train", "tuning", "test"; "" takes the experiment's).
absl::Status RunEvaluation(const experiments::Experiment& experiment, const std::string& checkpoint,
                           const std::string& split, const RunOptions& options);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_RUN_H_
