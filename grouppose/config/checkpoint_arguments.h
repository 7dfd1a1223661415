// The arguments that the official program keeps in its checkpoints, against the experiment that loads one.
#ifndef GROUPPOSE_CONFIG_CHECKPOINT_ARGUMENTS_H_
#define GROUPPOSE_CONFIG_CHECKPOINT_ARGUMENTS_H_

#include <map>
#include <string>
#include <vector>

#include "experiments/experiment.pb.h"

namespace grouppose::config {

// A line for each argument that says something else of the model, its data or its evaluation than the experiment does
// ("args.num_queries is 900, model.num_queries is 100"). Weights may load all the same, and give another AP: most of
// these change no shape. `arguments` are JSON, as Checkpoint has them; what they lack is not compared. The names are
// those of docs/from_python.md.
std::vector<std::string> Disagreements(const std::map<std::string, std::string>& arguments,
                                       const experiments::Experiment& experiment);

}  // namespace grouppose::config

#endif  // GROUPPOSE_CONFIG_CHECKPOINT_ARGUMENTS_H_
