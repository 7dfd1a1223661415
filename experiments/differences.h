// Where two experiments differ.
#ifndef EXPERIMENTS_DIFFERENCES_H_
#define EXPERIMENTS_DIFFERENCES_H_

#include <string>
#include <vector>

#include "experiments/experiment.pb.h"

namespace grouppose::experiments {

struct Difference {
  std::string path;  // "model.self_attention"
  std::string left;  // as a textproto writes it: GROUP, [64, 96], "tiny"; "not set" for epochs beside steps
  std::string right;
};

// In the order of the fields; empty where both are the same run.
std::vector<Difference> Differences(const Experiment& left, const Experiment& right);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_DIFFERENCES_H_
