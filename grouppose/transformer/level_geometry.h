// Where the tokens of the flattened feature levels lie: everything about a batch that depends on the sizes of its
// levels and on padding, but on no parameter.
//
// Tensors whose first dimension is "1 or batch" have one row where nothing is padded: all images are then alike.
#ifndef GROUPPOSE_TRANSFORMER_LEVEL_GEOMETRY_H_
#define GROUPPOSE_TRANSFORMER_LEVEL_GEOMETRY_H_

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "grouppose/nn/position_encoding.h"

namespace grouppose {

// (height, width) of each level, finest first.
using LevelSizes = std::vector<std::pair<int64_t, int64_t>>;

// Candidates for poses, one a token: the centre of its cell, and a size of 0.05 * 2^level (the two-stage proposals of
// Zhu et al. 2021, "Deformable DETR", appendix A.4).
struct Proposals {
  at::Tensor logits;   // [1 or batch, size, 4] logits of x, y, width, height; +inf for an invalid token
  at::Tensor invalid;  // [1 or batch, size] bool: padded, or one of the four outside (0.01, 0.99)
};

struct LevelGeometry {
  LevelSizes sizes;
  at::Tensor spatial_shapes;     // [levels, 2] int64 (height, width)
  at::Tensor level_start_index;  // [levels] int64
  at::Tensor level_of_token;     // [size] int64
  at::Tensor padding_mask;       // [batch, size] bool; undefined where nothing is padded
  at::Tensor valid_ratios;       // [batch, levels, 2] (x, y) shares that are no padding; undefined where all are 1
  at::Tensor positions;          // [1 or batch, size, hidden] sine encoding
  at::Tensor reference_points;   // [1 or batch, size, 1 or levels, 2] (x, y) of each token in the plane of each level
  Proposals proposals;
  bool any_invalid = false;  // any of proposals.invalid
};

// `masks`: one [batch, height, width] bool a level, true on padding; empty where nothing is padded. `hidden_dim` and
// `position_temperature` are those of TransformerOptions.
LevelGeometry MakeLevelGeometry(const LevelSizes& sizes, const std::vector<at::Tensor>& masks, int64_t hidden_dim,
                                const nn::PositionTemperature& position_temperature, const at::TensorOptions& options);

// The pieces, for tests. `ratios` may be undefined.
at::Tensor ValidRatios(const std::vector<at::Tensor>& masks);
at::Tensor EncoderReferencePoints(const LevelSizes& sizes, const at::Tensor& ratios, const at::TensorOptions& options);
Proposals EncoderProposals(const LevelSizes& sizes, const std::vector<at::Tensor>& masks,
                           const at::TensorOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_LEVEL_GEOMETRY_H_
