// Multi-scale deformable attention (Zhu et al. 2021, "Deformable DETR", equation 3): each query reads a few sampled
// points of every feature level, bilinearly, and sums them with its attention weights.
//
//   value               [batch, size, heads, channels]   size = sum over levels of h * w, levels one after the other
//   spatial_shapes      [levels, 2] int64, (h, w)
//   level_start_index   [levels] int64, first row of each level in `value`
//   sampling_locations  [batch, queries, heads, levels, points, 2], (x, y); 0 and 1 are the outer edges of the level
//   attention_weights   [batch, queries, heads, levels, points]
//   returns             [batch, queries, heads * channels]
//
// A location (x, y) samples at pixel (x * w - 0.5, y * h - 0.5); corners outside the level count as zero. That is
// torch's grid_sample with zero padding and align_corners = false.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_H_

#include <ATen/core/Tensor.h>

namespace ops {

// Differentiable in value, sampling_locations and attention_weights. float32 and float64, all three of one type,
// or a value in half or bfloat16 with the others in float32. The three are on one device; the levels' shapes and
// starts best on the CPU, since they are read there. Dispatches through torch as grouppose::ms_deform_attn. Wrong
// shapes, types or devices throw c10::Error with what was found and expected. On CUDA the gradient of the value has
// other last bits on every run, unless torch must be deterministic: then it is summed in fixed point.
at::Tensor MsDeformAttn(const at::Tensor& value, const at::Tensor& spatial_shapes, const at::Tensor& level_start_index,
                        const at::Tensor& sampling_locations, const at::Tensor& attention_weights);

// The same from what a layer's projections give: the softmax over the points of a head and the arithmetic of the
// locations are done inside, so that neither is ever written to memory.
//
//   reference_points    [batch or 1, queries, levels or 1, 2 or 4], in shares of the level:
//                         2: (x, y); a point lies at (x * w, y * h) + offset pixels
//                         4: (x, y, box_w, box_h); a point lies at (x, y) + offset * (box_w, box_h) * 0.5 / points
//   sampling_offsets    [batch, queries, heads, levels, points, 2]
//   attention_logits    [batch, queries, heads, levels * points], or [batch, queries, heads, levels, points]
//   returns             [batch, queries, heads * channels]
//
// Differentiable in value, reference_points, sampling_offsets and attention_logits. Types, devices and errors as above.
// Dispatches through torch as grouppose::ms_deform_attn_fused.
at::Tensor MsDeformAttnFused(const at::Tensor& value, const at::Tensor& spatial_shapes,
                             const at::Tensor& level_start_index, const at::Tensor& reference_points,
                             const at::Tensor& sampling_offsets, const at::Tensor& attention_logits);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_H_
