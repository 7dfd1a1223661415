// Between the kernels, compiled once a target, and what calls them.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_KERNELS_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_KERNELS_H_

#include <cstdint>

#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"

namespace ops {

// One range of queries of one head of one image.
struct MsDeformAttnRange {
  int64_t batch, head, begin, end;
};

// Where the backward pass writes: the gradients of the range's points at their place among all points, of the value for
// this range alone.
template <typename T, typename Real>
struct MsDeformAttnRangeGradients {
  // the whole gradient of the value, or [size, channels] where the head has several ranges; the other one is null
  T* value = nullptr;
  Real* value_of_range = nullptr;
  Real* positions = nullptr;
  Real* weights = nullptr;
  // [batch, queries, heads, levels, coordinates], or null
  Real* reference_of_heads = nullptr;
};

// The kernels of one target.
template <typename T, typename Real = MsDeformAttnCpuReal<T>>
struct MsDeformAttnKernels {
  // the outputs of the items [begin, end) as MsDeformAttnCpu::Forward counts them
  void (*forward)(const MsDeformAttnSizes& sizes, const T* value, const MsDeformAttnCpuPoints<Real>& points,
                  int64_t begin, int64_t end, T* output);
  void (*backward)(const MsDeformAttnSizes& sizes, const T* value, const MsDeformAttnCpuPoints<Real>& points,
                   const T* grad_output, const MsDeformAttnRange& range,
                   const MsDeformAttnRangeGradients<T, Real>& gradients);
  // to[i] = from[i], rounded to T
  void (*round)(const Real* from, int64_t count, T* to);
};

// Those of the target in use.
template <typename T>
const MsDeformAttnKernels<T>& CurrentMsDeformAttnKernels();

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_KERNELS_H_
