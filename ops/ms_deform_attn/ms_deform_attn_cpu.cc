#include "ops/ms_deform_attn/ms_deform_attn_cpu.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cpu_border.h"
#include "ops/ms_deform_attn/ms_deform_attn_cpu_kernels.h"

namespace ops {
namespace {

// The backward pass has one task a head of an image. Where these are fewer than 8, the queries of a head are cut into
// ranges, as long as each has as many queries as a quarter of the pixels: a range clears and copies a whole head.
// Eight, not the number of threads: the sums must not depend on the machine.
int64_t Ranges(const MsDeformAttnSizes& sizes) {
  constexpr int64_t kTasks = 8;
  const int64_t heads = std::max<int64_t>(sizes.batch * sizes.heads, 1);
  const int64_t wanted = (kTasks + heads - 1) / heads;
  return std::clamp<int64_t>(sizes.queries / (sizes.size / 4 + 1), 1, wanted);
}

MsDeformAttnRange RangeOf(const MsDeformAttnSizes& sizes, int64_t item) {
  const int64_t ranges = Ranges(sizes), head = item / ranges, range = item % ranges;
  return {head / sizes.heads, head % sizes.heads, sizes.queries * range / ranges, sizes.queries * (range + 1) / ranges};
}

// Elements of the gradients of the value that ranges leave in the workspace; behind them are those of the reference
// points, one for each head.
int64_t RangeElements(const MsDeformAttnSizes& sizes) {
  const int64_t ranges = Ranges(sizes);
  return ranges == 1 ? 0 : sizes.batch * sizes.heads * ranges * sizes.size * sizes.channels;
}

}  // namespace

bool MsDeformAttnFits(const MsDeformAttnSizes& sizes) {
  // in the backward pass a pixel holds its value and its gradient
  int64_t elements = 0;
  return !__builtin_mul_overflow(Border(sizes).pixels(), 2 * BorderedChannels<float>(sizes.channels), &elements) &&
         elements <= std::numeric_limits<int32_t>::max();
}

template <typename T>
void MsDeformAttnCpu<T>::Forward(int64_t begin, int64_t end, T* output) const {
  CurrentMsDeformAttnKernels<T>().forward(sizes_, value_, points_, begin, end, output);
}

template <typename T>
int64_t MsDeformAttnCpu<T>::BackwardItems(int step, const MsDeformAttnCpuPointGradients<Real>& gradients) const {
  const int64_t ranges = Ranges(sizes_);
  if (step == 0) return sizes_.batch * sizes_.heads * ranges;
  if (step == 1) return ranges == 1 ? 0 : sizes_.batch * sizes_.heads;
  return gradients.reference_points == nullptr ? 0 : points_.reference.batch * sizes_.queries;
}

template <typename T>
int64_t MsDeformAttnCpu<T>::BackwardWorkspace(const MsDeformAttnCpuPointGradients<Real>& gradients) const {
  int64_t elements = RangeElements(sizes_);
  if (gradients.reference_points != nullptr) {
    elements += sizes_.batch * sizes_.queries * sizes_.heads * sizes_.levels * points_.reference.coordinates;
  }
  return elements;
}

template <typename T>
void MsDeformAttnCpu<T>::Backward(int step, int64_t begin, int64_t end, const T* grad_output, T* grad_value,
                                  const MsDeformAttnCpuPointGradients<Real>& gradients, Real* workspace) const {
  Real* const references = gradients.reference_points == nullptr ? nullptr : workspace + RangeElements(sizes_);
  if (step == 1) return SumRanges(begin, end, workspace, grad_value);
  if (step == 2) return SumReferences(begin, end, references, gradients.reference_points);
  MsDeformAttnRangeGradients<T, Real> out;
  out.positions = gradients.positions;
  out.weights = gradients.weights;
  out.reference_of_heads = references;
  const bool is_alone = Ranges(sizes_) == 1;
  for (int64_t item = begin; item < end; ++item) {
    out.value = is_alone ? grad_value : nullptr;
    out.value_of_range = is_alone ? nullptr : workspace + item * sizes_.size * sizes_.channels;
    CurrentMsDeformAttnKernels<T>().backward(sizes_, value_, points_, grad_output, RangeOf(sizes_, item), out);
  }
}

// Sums the ranges of each head in their order.
template <typename T>
void MsDeformAttnCpu<T>::SumRanges(int64_t begin, int64_t end, const Real* workspace, T* grad_value) const {
  const int64_t ranges = Ranges(sizes_), channels = sizes_.channels, elements = sizes_.size * channels;
  std::vector<Real> sum(channels);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t batch = item / sizes_.heads, head = item % sizes_.heads;
    for (int64_t pixel = 0; pixel < sizes_.size; ++pixel) {
      const Real* from = workspace + item * ranges * elements + pixel * channels;
      std::copy_n(from, channels, sum.data());
      for (int64_t range = 1; range < ranges; ++range) {
        for (int64_t channel = 0; channel < channels; ++channel) sum[channel] += from[range * elements + channel];
      }
      T* to = grad_value + ((batch * sizes_.size + pixel) * sizes_.heads + head) * channels;
      CurrentMsDeformAttnKernels<T>().round(sum.data(), channels, to);
    }
  }
}

// `partial` is [batch, queries, heads, levels, coordinates]; heads, then levels, then images are summed in their order.
template <typename T>
void MsDeformAttnCpu<T>::SumReferences(int64_t begin, int64_t end, const Real* partial,
                                       Real* grad_reference_points) const {
  const MsDeformAttnReferenceSizes& reference = points_.reference;
  const int64_t row = sizes_.levels * reference.coordinates, out_row = reference.levels * reference.coordinates;
  const int64_t images = reference.batch == 1 ? sizes_.batch : 1,
                folds = sizes_.heads * sizes_.levels / reference.levels;
  for (int64_t item = begin; item < end; ++item) {
    Real* out = grad_reference_points + item * out_row;
    std::fill_n(out, out_row, Real(0));
    for (int64_t image = 0; image < images; ++image) {
      const Real* from = partial + (image * sizes_.queries + item) * sizes_.heads * row;
      for (int64_t fold = 0; fold < folds; ++fold, from += out_row) {
        for (int64_t i = 0; i < out_row; ++i) out[i] += from[i];
      }
    }
  }
}

template class MsDeformAttnCpu<float>;
template class MsDeformAttnCpu<double>;
template class MsDeformAttnCpu<Half>;
template class MsDeformAttnCpu<BFloat16>;

}  // namespace ops
