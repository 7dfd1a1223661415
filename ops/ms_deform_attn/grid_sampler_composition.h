// Multi-scale deformable attention composed of torch's own operators, one grid_sample a level: what the official code
// does without its custom kernel. For tests and benchmarks.
#ifndef OPS_MS_DEFORM_ATTN_GRID_SAMPLER_COMPOSITION_H_
#define OPS_MS_DEFORM_ATTN_GRID_SAMPLER_COMPOSITION_H_

#include <ATen/core/Tensor.h>

namespace ops {

// As MsDeformAttn in ms_deform_attn.h; nothing is checked.
at::Tensor GridSamplerComposition(const at::Tensor& value, const at::Tensor& spatial_shapes,
                                  const at::Tensor& level_start_index, const at::Tensor& sampling_locations,
                                  const at::Tensor& attention_weights);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_GRID_SAMPLER_COMPOSITION_H_
