// From a textproto and overrides to the one resolved Experiment that names a run.
//
//   ASSIGN_OR_RETURN(Experiment experiment,
//                    LoadExperiment("experiments/tiny.textproto",
//                                   {"model.self_attention=FULL", "training.optimizer.learning_rate=1e-3"}));
//   ResolvedText(experiment);  // the bytes that are hashed and written beside the results
//
// Layers, each on top of the one before: the files that `extends` names, the file, the overrides in their order. A
// field that a layer sets replaces the field below; messages are merged field by field; a list that a layer sets
// replaces the whole list (`[]` empties it); of `training.epochs` and `training.steps` the one set last remains. A
// `data.description` is read where it is set, and what it says stands in its place: the result needs no other file.
//
// Errors are one line of InvalidArgument (NotFound for a missing file) that says where the value was set, what it is
// and what was expected, with the nearest valid name for an unknown field or enum value:
//   run.textproto:12:3: unknown field 'hiden_dim' in model; did you mean model.hidden_dim?
//   run.textproto:14:3: model.hidden_dim is 250, expected a multiple of model.num_heads (8)
//   --set model.num_head=4: unknown field 'num_head' in model; did you mean model.num_heads?
#ifndef EXPERIMENTS_EXPERIMENT_H_
#define EXPERIMENTS_EXPERIMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/experiment.pb.h"

namespace grouppose::experiments {

// Reads, merges, applies `overrides` ("path=value"; VALUE as a textproto writes it: 1e-3, GROUP, [64, 96], true,
// { kind: COSINE warmup_steps: 50 }; quotes around a text may be left out), validates. In the result every field is set
// (lists may be empty; one of epochs and steps) and `extends` is not.
absl::StatusOr<Experiment> LoadExperiment(const std::string& path, const std::vector<std::string>& overrides = {});

// The same from memory; `name` stands in errors where a path would. `extends` and `data.description` are refused in the
// text: there is no folder.
absl::StatusOr<Experiment> ParseExperiment(const std::string& text, const std::string& name,
                                           const std::vector<std::string>& overrides = {});

// The canonical text: every field explicit, in the order of the field numbers, `extends` left out. Two experiments are
// the same run if and only if these bytes are equal. Parses back to the same bytes.
std::string ResolvedText(const Experiment& experiment);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_EXPERIMENT_H_
