// The logit of a normalised coordinate.
#ifndef GROUPPOSE_NN_INVERSE_SIGMOID_H_
#define GROUPPOSE_NN_INVERSE_SIGMOID_H_

#include <ATen/core/Tensor.h>

namespace grouppose::nn {

// log(max(x, 1e-3) / max(1 - x, 1e-3)) of x clamped to [0, 1]: coordinates on the border of the image keep a finite
// logit of +-6.9. Deformable DETR uses 1e-5; the official Group Pose 1e-3.
at::Tensor InverseSigmoid(const at::Tensor& x);

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_INVERSE_SIGMOID_H_
