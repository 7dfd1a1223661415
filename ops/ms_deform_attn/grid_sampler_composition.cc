#include "ops/ms_deform_attn/grid_sampler_composition.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/stack.h>

#include <vector>

namespace ops {

at::Tensor GridSamplerComposition(const at::Tensor& value, const at::Tensor& spatial_shapes,
                                  const at::Tensor& level_start_index, const at::Tensor& sampling_locations,
                                  const at::Tensor& attention_weights) {
  const int64_t batch = value.size(0), heads = value.size(2), channels = value.size(3),
                queries = sampling_locations.size(1), levels = sampling_locations.size(3),
                points = sampling_locations.size(4);
  std::vector<at::Tensor> sampled;
  for (int64_t level = 0; level < levels; ++level) {
    const int64_t height = spatial_shapes[level][0].item<int64_t>(), width = spatial_shapes[level][1].item<int64_t>();
    const at::Tensor pixels = value.narrow(1, level_start_index[level].item<int64_t>(), height * width);
    const at::Tensor image = pixels.permute({0, 2, 3, 1}).reshape({batch * heads, channels, height, width});
    // grid_sample counts from -1 to 1
    const at::Tensor grid = 2 * sampling_locations.select(3, level) - 1;
    const at::Tensor per_head = grid.transpose(1, 2).reshape({batch * heads, queries, points, 2});
    sampled.push_back(at::grid_sampler(image, per_head, /*bilinear*/ 0, /*zeros*/ 0, /*align_corners=*/false));
  }
  const at::Tensor samples = at::stack(sampled, 3);  // [batch * heads, channels, queries, levels, points]
  const at::Tensor weights = attention_weights.transpose(1, 2).reshape({batch * heads, 1, queries, levels, points});
  const at::Tensor sums = (samples * weights).sum(at::IntArrayRef{3, 4});
  return sums.view({batch, heads * channels, queries}).transpose(1, 2);
}

}  // namespace ops
