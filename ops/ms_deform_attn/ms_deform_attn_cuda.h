// Multi-scale deformable attention on a CUDA device; no LibTorch.
//
//   if (!MsDeformAttnCudaFits(sizes)) ...  // refuse
//   const cudaError_t error = LaunchMsDeformAttnForward(sizes, inputs, output, stream);
//
// T is float, double, __half or __nv_bfloat16. Pointers are to device memory, but for sizes.spatial_shapes, which is
// read before a launch returns. Results are those of ms_deform_attn_reference.h. A launch returns what CUDA says of it;
// what goes wrong while the kernel runs is seen by whoever waits for the stream.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <type_traits>

#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {

// What locations, attention weights and sums are where values are stored as T.
template <typename T>
using MsDeformAttnReal = std::conditional_t<std::is_same_v<T, double>, double, float>;

// The levels travel as an argument of the kernels, so their number is fixed; models of this family have three to five.
constexpr int64_t kMsDeformAttnCudaMaxLevels = 16;

// Whether the kernels can address this problem: not too many levels, and sides of levels and numbers of points that fit
// 32 bits. All other indices have 64.
inline bool MsDeformAttnCudaFits(const MsDeformAttnSizes& sizes) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (sizes.levels > kMsDeformAttnCudaMaxLevels || sizes.points >= kLimit) return false;
  for (int64_t i = 0; i < 2 * sizes.levels; ++i) {
    if (sizes.spatial_shapes[i] >= kLimit) return false;
  }
  return true;
}

// Writes output, [batch, queries, heads, channels]. The same bits on every run.
template <typename T>
cudaError_t LaunchMsDeformAttnForward(const MsDeformAttnSizes& sizes,
                                      const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, T* output,
                                      cudaStream_t stream);

// Adds to gradients.value, which the caller has set to zero, and writes the other two. All are in the type of the sums.
// The order of the additions to gradients.value changes from run to run, and with it the last bits; the other two have
// the same bits on every run.
template <typename T>
cudaError_t LaunchMsDeformAttnBackward(const MsDeformAttnSizes& sizes,
                                       const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, const T* grad_output,
                                       const MsDeformAttnGradients<MsDeformAttnReal<T>>& gradients,
                                       cudaStream_t stream);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_H_
