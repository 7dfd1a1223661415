#include "grouppose/transformer/level_geometry.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/meshgrid.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "base/check.h"
#include "grouppose/nn/position_encoding.h"

namespace grouppose {
namespace {

// Centres of the cells of one level in pixels of that level, row by row: [height * width, 2] (x, y).
at::Tensor CellCentres(int64_t height, int64_t width, const at::TensorOptions& options) {
  const at::Tensor y = at::arange(height, options) + 0.5, x = at::arange(width, options) + 0.5;
  const std::vector<at::Tensor> grid = at::meshgrid({y, x}, "ij");
  return at::stack({grid[1].flatten(), grid[0].flatten()}, -1);
}

// [batch, 2] (x, y): columns and rows that are no padding, counted along the first row and the first column.
at::Tensor ValidSize(const at::Tensor& mask) {
  const at::Tensor inside = mask.logical_not();
  const at::Tensor height = inside.select(2, 0).sum(1), width = inside.select(1, 0).sum(1);
  return at::stack({width, height}, -1).to(at::kFloat);
}

at::Tensor Size(int64_t height, int64_t width, const at::TensorOptions& options) {
  return at::tensor({static_cast<float>(width), static_cast<float>(height)}, at::kFloat).to(options).unsqueeze(0);
}

at::Tensor FlattenMasks(const std::vector<at::Tensor>& masks) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& mask : masks) flat.push_back(mask.flatten(1));
  return at::cat(flat, 1);
}

at::Tensor Positions(const LevelSizes& sizes, const std::vector<at::Tensor>& masks, int64_t hidden_dim,
                     const nn::PositionTemperature& temperature, const at::TensorOptions& options) {
  std::vector<at::Tensor> positions;
  for (size_t level = 0; level < sizes.size(); ++level) {
    const at::Tensor mask = masks.empty()
                                ? at::zeros({1, sizes[level].first, sizes[level].second}, options.dtype(at::kBool))
                                : masks[level];
    positions.push_back(nn::PixelPositionEncoding(mask, hidden_dim, temperature));
  }
  return at::cat(positions, 1);
}

void AddIndices(const LevelSizes& sizes, const at::TensorOptions& options, LevelGeometry* geometry) {
  std::vector<int64_t> shapes, starts;
  std::vector<at::Tensor> levels;
  int64_t start = 0;
  for (const auto& [height, width] : sizes) {
    shapes.insert(shapes.end(), {height, width});
    starts.push_back(start);
    levels.push_back(at::full({height * width}, static_cast<int64_t>(levels.size()), at::kLong));
    start += height * width;
  }
  const at::TensorOptions integers = options.dtype(at::kLong);
  geometry->spatial_shapes = at::tensor(shapes, at::kLong).view({-1, 2}).to(integers);
  geometry->level_start_index = at::tensor(starts, at::kLong).to(integers);
  geometry->level_of_token = at::cat(levels).to(integers);
}

}  // namespace

at::Tensor ValidRatios(const std::vector<at::Tensor>& masks) {
  std::vector<at::Tensor> ratios;
  for (const at::Tensor& mask : masks) {
    const at::Tensor valid = ValidSize(mask);
    ratios.push_back(valid / Size(mask.size(1), mask.size(2), valid.options()));
  }
  return at::stack(ratios, 1);
}

at::Tensor EncoderReferencePoints(const LevelSizes& sizes, const at::Tensor& ratios, const at::TensorOptions& options) {
  std::vector<at::Tensor> points;
  for (size_t level = 0; level < sizes.size(); ++level) {
    const auto& [height, width] = sizes[level];
    at::Tensor size = Size(height, width, options).unsqueeze(1);
    if (ratios.defined()) size = ratios.narrow(1, level, 1) * size;
    points.push_back(CellCentres(height, width, options) / size);
  }
  // a token's place in the unpadded image, then in the padded plane of each level
  const at::Tensor all = at::cat(points, 1).unsqueeze(2);
  return ratios.defined() ? all * ratios.unsqueeze(1) : all;
}

Proposals EncoderProposals(const LevelSizes& sizes, const std::vector<at::Tensor>& masks,
                           const at::TensorOptions& options) {
  std::vector<at::Tensor> levels;
  for (size_t level = 0; level < sizes.size(); ++level) {
    const auto& [height, width] = sizes[level];
    const at::Tensor valid_size = masks.empty() ? Size(height, width, options) : ValidSize(masks[level]);
    const at::Tensor centres = CellCentres(height, width, options) / valid_size.unsqueeze(1);
    const at::Tensor extent = at::full_like(centres, 0.05 * std::exp2(static_cast<double>(level)));
    levels.push_back(at::cat({centres, extent}, -1));
  }
  const at::Tensor proposals = at::cat(levels, 1);
  at::Tensor invalid = proposals.gt(0.01).logical_and(proposals.lt(0.99)).all(-1).logical_not();
  if (!masks.empty()) invalid = invalid.logical_or(FlattenMasks(masks));
  const at::Tensor logits = (proposals / at::rsub(proposals, 1)).log();
  return {logits.masked_fill(invalid.unsqueeze(-1), std::numeric_limits<float>::infinity()), invalid};
}

LevelGeometry MakeLevelGeometry(const LevelSizes& sizes, const std::vector<at::Tensor>& masks, int64_t hidden_dim,
                                const nn::PositionTemperature& position_temperature, const at::TensorOptions& options) {
  GROUPPOSE_CHECK(masks.empty() || masks.size() == sizes.size(), masks.size(), " masks for ", sizes.size(), " levels");
  const at::NoGradGuard no_grad;
  LevelGeometry geometry;
  geometry.sizes = sizes;
  AddIndices(sizes, options, &geometry);
  if (!masks.empty()) {
    geometry.padding_mask = FlattenMasks(masks);
    geometry.valid_ratios = ValidRatios(masks);
  }
  geometry.positions = Positions(sizes, masks, hidden_dim, position_temperature, options);
  geometry.reference_points = EncoderReferencePoints(sizes, geometry.valid_ratios, options);
  geometry.proposals = EncoderProposals(sizes, masks, options);
  geometry.any_invalid = geometry.proposals.invalid.any().item<bool>();
  return geometry;
}

}  // namespace grouppose
