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

// What an average goes over.
enum class Averaged {
  kTrained,    // each parameter that is trained, once a step however many names it has
  kStateDict,  // as the official program: every entry of the state dict. What has two names follows twice a step, and
               // buffers take part, where integers are rounded towards zero
};

class WeightAverage {
 public:
  // Starts as a copy. kTrained takes of `tensors` the parameters that are trained (the others are no different in the
  // average), kStateDict takes them all: give it Module::StateDict(). A tensor that is listed under several names is
  // kept once, under all of them.
  WeightAverage(const std::vector<nn::NamedTensor>& tensors, double decay, Averaged averaged = Averaged::kTrained);

  // average = decay * average + (1 - decay) * weights.
  void Update();
  // average = weights.
  void Copy();
  // Gives the weights the values of the average and keeps theirs; twice changes nothing.
  void Exchange();

  // The average by the names that were given; the tensors share its memory.
  std::map<std::string, at::Tensor> State() const;
  // Copies such a state. InvalidArgument, and nothing changed, where a name is missing or unknown or a shape differs.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 private:
  struct Entry {
    std::vector<std::string> names;
    at::Tensor weight, average;
    int updates = 1;  // a step
  };

  double decay_;
  Averaged averaged_;
  std::vector<Entry> entries_;
};

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_WEIGHT_AVERAGE_H_
