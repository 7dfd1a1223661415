// What the kernels of multi-scale deformable attention rely on, checked once for all devices.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CHECKS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CHECKS_H_

#include <ATen/core/Tensor.h>

#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {

// Checks the arguments of MsDeformAttn (ms_deform_attn.h); throws c10::Error with what was found and what was expected.
// spatial_shapes and level_start_index are read, so they are dense and on the CPU; the result points into
// spatial_shapes. Of the other tensors only shapes, types and device are looked at.
MsDeformAttnSizes CheckedMsDeformAttnSizes(const at::Tensor& value, const at::Tensor& spatial_shapes,
                                           const at::Tensor& level_start_index, const at::Tensor& sampling_locations,
                                           const at::Tensor& attention_weights);

// The same for MsDeformAttnFused.
struct CheckedMsDeformAttnFused {
  MsDeformAttnSizes sizes;
  MsDeformAttnReferenceSizes reference;
};
CheckedMsDeformAttnFused CheckedMsDeformAttnFusedSizes(const at::Tensor& value, const at::Tensor& spatial_shapes,
                                                       const at::Tensor& level_start_index,
                                                       const at::Tensor& reference_points,
                                                       const at::Tensor& sampling_offsets,
                                                       const at::Tensor& attention_logits);

void CheckMsDeformAttnGradOutput(const MsDeformAttnSizes& sizes, const at::Tensor& grad_output,
                                 const at::Tensor& value);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CHECKS_H_
