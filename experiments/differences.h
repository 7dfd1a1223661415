// What an experiment says, field by field, and where two differ.
#ifndef EXPERIMENTS_DIFFERENCES_H_
#define EXPERIMENTS_DIFFERENCES_H_

#include <string>
#include <vector>

#include "experiments/experiment.pb.h"

namespace grouppose::experiments {

struct FieldValue {
  std::string path;   // "model.self_attention"
  std::string value;  // as a textproto writes it: GROUP, [64, 96], "tiny"; "not set" for epochs beside steps
};

// Every field with its default filled in, in the order of experiment.proto; without `extends`.
std::vector<FieldValue> FieldValues(const Experiment& experiment);

struct Difference {
  std::string path;
  std::string left;
  std::string right;
};

// In the order of the fields; empty where both are the same run.
std::vector<Difference> Differences(const Experiment& left, const Experiment& right);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_DIFFERENCES_H_
