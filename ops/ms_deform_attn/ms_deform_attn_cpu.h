// Multi-scale deformable attention on CPU cores, for float and double; no LibTorch. The caller spreads ranges of work
// items over threads; the results have the same bits however the ranges are cut.
//
//   const int64_t items = MsDeformAttnForwardItems(sizes);
//   MsDeformAttnForwardCpu(sizes, inputs, 0, items / 2, output);      // on one thread
//   MsDeformAttnForwardCpu(sizes, inputs, items / 2, items, output);  // on another
//
// Points outside the level and locations that are not numbers contribute nothing, as in ms_deform_attn_reference.h; no
// value of the locations leads outside the arrays. The bordered copy of one head (ms_deform_attn_cpu.cc) has fewer than
// 2^31 pixels: MsDeformAttnFits() says whether that holds.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_H_

#include <cstdint>

#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {

bool MsDeformAttnFits(const MsDeformAttnSizes& sizes);

// An item of the forward pass is one query of one head of one image, with the queries innermost.
inline int64_t MsDeformAttnForwardItems(const MsDeformAttnSizes& sizes) {
  return sizes.batch * sizes.heads * sizes.queries;
}

// Writes the outputs of the items [begin, end); output is [batch, queries, heads, channels].
template <typename T>
void MsDeformAttnForwardCpu(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T>& inputs, int64_t begin,
                            int64_t end, T* output);

// An item of the backward pass is one head of one image.
inline int64_t MsDeformAttnBackwardItems(const MsDeformAttnSizes& sizes) { return sizes.batch * sizes.heads; }

// Writes the gradients that belong to the items [begin, end).
template <typename T>
void MsDeformAttnBackwardCpu(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T>& inputs, const T* grad_output,
                             int64_t begin, int64_t end, const MsDeformAttnGradients<T>& gradients);

extern template void MsDeformAttnForwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<float>&, int64_t,
                                            int64_t, float*);
extern template void MsDeformAttnForwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<double>&, int64_t,
                                            int64_t, double*);
extern template void MsDeformAttnBackwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<float>&, const float*,
                                             int64_t, int64_t, const MsDeformAttnGradients<float>&);
extern template void MsDeformAttnBackwardCpu(const MsDeformAttnSizes&, const MsDeformAttnInputs<double>&, const double*,
                                             int64_t, int64_t, const MsDeformAttnGradients<double>&);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_H_
