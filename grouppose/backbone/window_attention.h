// Self-attention inside square windows of a feature map, with a learnt bias for every relative position.
//
// Liu et al. 2021, "Swin Transformer: hierarchical vision transformer using shifted windows", section 3.2. A shifted
// block moves the map by half a window before it is cut, so that windows of two blocks overlap; cells that the move
// brought together from opposite borders must not see each other, which ShiftMask says.
#ifndef GROUPPOSE_BACKBONE_WINDOW_ATTENTION_H_
#define GROUPPOSE_BACKBONE_WINDOW_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "grouppose/nn/linear.h"
#include "grouppose/nn/module.h"

namespace grouppose {

// [batch, height, width, channels] -> [batch, windows, window * window, channels], windows row by row and cells row by
// row; height and width are multiples of `window`.
at::Tensor CutWindows(const at::Tensor& map, int64_t window);
// The inverse of CutWindows.
at::Tensor JoinWindows(const at::Tensor& windows, int64_t window, int64_t height, int64_t width);

// What is added to the attention scores of a map that was rolled by `shift` cells towards its first row and column:
// 0 where two cells of a window were neighbours before, -100 where they come from different sides.
//   height, width   of the padded map, multiples of `window`
//   -> [windows, 1, window * window, window * window]
at::Tensor ShiftMask(int64_t height, int64_t width, int64_t window, int64_t shift, const at::TensorOptions& options);

// "relative_position_bias_table" [(2 window - 1)^2, heads], "relative_position_index" (int64 buffer), "qkv", "proj".
class WindowAttention : public nn::Module {
 public:
  WindowAttention(int64_t channels, int64_t num_heads, int64_t window);

  //   windows   [batch, windows, window * window, channels]
  //   mask      of ShiftMask; undefined where nothing is masked
  //   -> like windows
  at::Tensor Forward(const at::Tensor& windows, const at::Tensor& mask) const;

 private:
  // [heads, window * window, window * window]
  at::Tensor PositionBias() const;

  int64_t num_heads_, cells_;
  at::Tensor bias_table_, bias_index_;
  nn::Linear *qkv_, *proj_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_BACKBONE_WINDOW_ATTENTION_H_
