// Runs what the CUDA kernels' threads run, one thread after the other on the CPU. Only the loops of the two kernels and
// the exchange between the lanes of a group are written again here; the rest is the kernels' own source.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_EMULATION_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_EMULATION_H_

#include <vector>

#include "ops/ms_deform_attn/ms_deform_attn_cuda.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda_threads.h"

namespace ops::testing {

template <int kVector, typename T>
void EmulateForward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs,
                    T* output) {
  const cuda_threads::Sizes on_device = cuda_threads::MakeSizes(sizes);
  for (int64_t thread = 0; thread < cuda_threads::ForwardThreads<kVector>(on_device); ++thread) {
    cuda_threads::Forward<kVector>(on_device, inputs, thread, output);
  }
}

// What every lane has after the exchange with the lanes at the distances 1/2, 1/4, ... of the group.
template <typename Real>
cuda_threads::PointGradient<Real> SumOverLanes(std::vector<cuda_threads::PointGradient<Real>> of_lane) {
  const int lanes = static_cast<int>(of_lane.size());
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
    auto before = of_lane;
    for (int lane = 0; lane < lanes; ++lane) of_lane[lane] = before[lane] + before[lane ^ distance];
  }
  return of_lane[0];
}

// Sets gradients.value to zero first, as the caller of the launch does.
template <int kVector, typename T>
void EmulateBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs,
                     const T* grad_output, const MsDeformAttnGradients<MsDeformAttnReal<T>>& gradients) {
  using Real = MsDeformAttnReal<T>;
  for (int64_t i = 0; i < sizes.batch * sizes.size * sizes.heads * sizes.channels; ++i) gradients.value[i] = 0;
  const cuda_threads::Sizes on_device = cuda_threads::MakeSizes(sizes);
  const int lanes = cuda_threads::LanesOfGroup<kVector>(sizes.channels);
  int64_t point = 0;
  for (int64_t group = 0; group < on_device.groups; ++group) {
    for (int32_t l = 0; l < on_device.levels; ++l) {
      for (int32_t p = 0; p < on_device.points; ++p, ++point) {
        std::vector<cuda_threads::PointGradient<Real>> of_lane;
        for (int lane = 0; lane < lanes; ++lane) {
          of_lane.push_back(cuda_threads::BackwardOfPoint<kVector>(on_device, inputs, grad_output, group, l, point,
                                                                   lane, lanes, gradients.value));
        }
        cuda_threads::Store(SumOverLanes(of_lane), point, gradients);
      }
    }
  }
}

}  // namespace ops::testing

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_EMULATION_H_
