// Sine encodings of positions (Vaswani et al. 2017, "Attention is all you need", section 3.5), for the pixels of a
// feature level and for points.
#ifndef GROUPPOSE_NN_POSITION_ENCODING_H_
#define GROUPPOSE_NN_POSITION_ENCODING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace grouppose::nn {

// Of each axis. The published model takes 20 for both: DETR's 10000 is for sentences of unknown length.
struct PositionTemperature {
  double height = 20;
  double width = 20;
};

// The encoding of every pixel of a level: half of the channels for y, then half for x. Positions count the unpadded
// pixels, from 1, and are normalised to (0, 2 pi]; the wavelengths are temperature^(2i / n), i = 0 ... n / 2 - 1, n =
// channels / 2.
//   padding_mask [batch, height, width] bool, true on padding -> [batch, height * width, channels], rows one by one.
at::Tensor PixelPositionEncoding(const at::Tensor& padding_mask, int64_t channels,
                                 const PositionTemperature& temperature);

// The encoding of points: half of the channels for y, then half for x; temperature 10000, one turn per unit.
//   points [..., 2] (x, y) -> [..., channels]
at::Tensor PointPositionEncoding(const at::Tensor& points, int64_t channels);

}  // namespace grouppose::nn

#endif  // GROUPPOSE_NN_POSITION_ENCODING_H_
