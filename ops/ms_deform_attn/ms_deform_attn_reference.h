// Multi-scale deformable attention written from its definition, in double precision: the oracle of the fast kernels.
//
// A point at pixel (x, y) of a level takes part where -1 < x < w and -1 < y < h; elsewhere, and where it is not a
// number, its output and its gradients are zero. At a pixel's centre, where the bilinear kernel has a kink, the
// derivative by the location is the one of the cell to the right and below.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_REFERENCE_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_REFERENCE_H_

#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {

// output is [batch, queries, heads, channels].
void MsDeformAttnReferenceForward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<double>& inputs,
                                  double* output);

// grad_output is the derivative of some scalar by the output.
void MsDeformAttnReferenceBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<double>& inputs,
                                   const double* grad_output, const MsDeformAttnGradients<double>& gradients);

// The same for the fused entry: its softmax and its locations, written out, around the two above. The gradient of the
// reference points may be null.
void MsDeformAttnFusedReferenceForward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                       const MsDeformAttnFusedInputs<double>& inputs, double* output);
void MsDeformAttnFusedReferenceBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                        const MsDeformAttnFusedInputs<double>& inputs, const double* grad_output,
                                        const MsDeformAttnFusedGradients<double>& gradients);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_REFERENCE_H_
