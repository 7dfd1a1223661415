// What a model says: poses per decoder layer and of the encoder.
#ifndef GROUPPOSE_MODEL_OUTPUTS_H_
#define GROUPPOSE_MODEL_OUTPUTS_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace grouppose {

// N instances, K keypoints, coordinates normalised by the size of the image without its padding.
struct PosePrediction {
  at::Tensor logits;     // [batch, N, classes]; a person is class 1
  at::Tensor keypoints;  // [batch, N, 3K]: x1 y1 ... xK yK, then K visibilities; of the encoder [batch, N, 2K]
};

struct ModelOutputs {
  PosePrediction final;                   // the last decoder layer; undefined tensors in a model without decoder
  std::vector<PosePrediction> auxiliary;  // the decoder layers before it, first to last
  PosePrediction intermediate;            // the two-stage encoder output
};

}  // namespace grouppose

#endif  // GROUPPOSE_MODEL_OUTPUTS_H_
