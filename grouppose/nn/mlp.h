// Linear layers with ReLU between them.
#ifndef GROUPPOSE_NN_MLP_H_
#define GROUPPOSE_NN_MLP_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "grouppose/nn/linear.h"
#include "grouppose/nn/module.h"

namespace grouppose::nn {

struct MlpOptions {
  int64_t in = 0, hidden = 0, out = 0;
  int64_t num_layers = 1;  // linear layers, the last one included
  // All weights by Xavier's rule; else torch's own start.
  bool xavier = false;
  // The last layer starts at zero: a head that moves reference points leaves them alone at first.
  bool zero_last = false;
};

// Layer i is named "layers.i".
class Mlp : public Module {
 public:
  explicit Mlp(const MlpOptions& options);

  // [..., in] -> [..., out]
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  std::vector<Linear*> layers_;
};

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_MLP_H_
