// Multi-scale deformable attention on CPU cores; no LibTorch. Values in float, double, or 16 bits with sums, locations
// and weights in float. The caller spreads ranges of work items over threads:
//
//   const MsDeformAttnCpu<float> op(sizes, inputs);
//   op.Forward(0, op.ForwardItems() / 2, output);                  // on one thread
//   op.Forward(op.ForwardItems() / 2, op.ForwardItems(), output);  // on another
//
// The results have the same bits however the ranges are cut, and on every CPU: the kernels are compiled for AVX2 and
// for AVX-512 and do the same operations in the same order (ops/cpu_target).
//
// Points outside the level and locations that are not numbers contribute nothing, as in ms_deform_attn_reference.h; no
// value of the locations leads outside the arrays. The bordered copy of one head (ms_deform_attn_cpu_border.h) has
// fewer than 2^31 elements: MsDeformAttnFits() says whether that holds.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_H_

#include <cstdint>

#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {

// Values stored in 16 bits; rounded to nearest, ties to even, when written.
struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

// What sums, locations and weights are in where values are stored as T.
template <typename T>
struct MsDeformAttnCpuRealOf {
  using Type = float;
};
template <>
struct MsDeformAttnCpuRealOf<double> {
  using Type = double;
};
template <typename T>
using MsDeformAttnCpuReal = typename MsDeformAttnCpuRealOf<T>::Type;

bool MsDeformAttnFits(const MsDeformAttnSizes& sizes);

// The points of all queries, of the plain entry or of the fused one.
template <typename Real>
struct MsDeformAttnCpuPoints {
  // [batch, queries, heads, levels, points, 2]: locations, or offsets from the reference points
  const Real* positions = nullptr;
  // [batch, queries, heads, levels, points]: attention weights, or their logits
  const Real* weights = nullptr;
  // of the fused entry only
  const Real* reference_points = nullptr;
  MsDeformAttnReferenceSizes reference;
};

template <typename Real>
struct MsDeformAttnCpuPointGradients {
  Real* positions = nullptr;
  Real* weights = nullptr;
  // null where nobody wants it
  Real* reference_points = nullptr;
};

template <typename T>
class MsDeformAttnCpu {
 public:
  using Real = MsDeformAttnCpuReal<T>;

  MsDeformAttnCpu(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T, Real>& inputs)
      : sizes_(sizes),
        value_(inputs.value),
        points_{inputs.sampling_locations, inputs.attention_weights, nullptr, {}} {}
  MsDeformAttnCpu(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                  const MsDeformAttnFusedInputs<T, Real>& inputs)
      : sizes_(sizes),
        value_(inputs.value),
        points_{inputs.sampling_offsets, inputs.attention_logits, inputs.reference_points, reference} {}

  // An item of the forward pass is one query of one head of one image, with the queries innermost.
  int64_t ForwardItems() const { return sizes_.batch * sizes_.heads * sizes_.queries; }
  // Writes the outputs of the items [begin, end); output is [batch, queries, heads, channels].
  void Forward(int64_t begin, int64_t end, T* output) const;

  // The backward pass has three steps, one after the other. The items of a step, in any order:
  //   0: samples: one range of queries of one head of one image
  //   1: sums the gradients of value over the ranges, where there are several: one head of one image
  //   2: sums the gradients of the reference points over heads, and over images and levels that share one
  static constexpr int kBackwardSteps = 3;
  int64_t BackwardItems(int step, const MsDeformAttnCpuPointGradients<Real>& gradients) const;
  // Elements of `workspace`, which the three steps share.
  int64_t BackwardWorkspace(const MsDeformAttnCpuPointGradients<Real>& gradients) const;
  void Backward(int step, int64_t begin, int64_t end, const T* grad_output, T* grad_value,
                const MsDeformAttnCpuPointGradients<Real>& gradients, Real* workspace) const;

 private:
  void SumRanges(int64_t begin, int64_t end, const Real* workspace, T* grad_value) const;
  void SumReferences(int64_t begin, int64_t end, const Real* partial, Real* grad_reference_points) const;

  MsDeformAttnSizes sizes_;
  const T* value_;
  MsDeformAttnCpuPoints<Real> points_;
};

extern template class MsDeformAttnCpu<float>;
extern template class MsDeformAttnCpu<double>;
extern template class MsDeformAttnCpu<Half>;
extern template class MsDeformAttnCpu<BFloat16>;

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_H_
