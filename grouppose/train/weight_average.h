// An exponential moving average of a model's weights (Polyak & Juditsky 1992, "Acceleration of stochastic approximation
// by averaging"), kept beside them.
//
//   WeightAverage average(model.Parameters(), 0.9997);
//   for (...) {
//     optimizer.Step(...);
//     average.Update();
//   }
//   average.Exchange();   // the model now has the averaged weights
//   ...evaluate...
//   average.Exchange();   // and its own again
#ifndef GROUPPOSE_TRAIN_WEIGHT_AVERAGE_H_
#define GROUPPOSE_TRAIN_WEIGHT_AVERAGE_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "grouppose/nn/module.h"

namespace grouppose::train {

class WeightAverage {
 public:
  // Starts as a copy of the parameters that are trained; the others are no different in the average. A parameter with
  // two names counts once: the official program averages its shared heads twice a step.
  WeightAverage(const std::vector<nn::NamedTensor>& parameters, double decay);

  // average = decay * average + (1 - decay) * weights.
  void Update();
  // average = weights.
  void Copy();
  // Gives the weights the values of the average and keeps theirs; twice changes nothing.
  void Exchange();

  // The average by name; the tensors share its memory.
  std::map<std::string, at::Tensor> State() const;
  // Copies such a state. InvalidArgument, and nothing changed, where a name is missing or unknown or a shape differs.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 private:
  struct Entry {
    std::string name;
    at::Tensor weight, average;
  };

  double decay_;
  std::vector<Entry> entries_;
};

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_WEIGHT_AVERAGE_H_
