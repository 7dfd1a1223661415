// Multi-scale deformable attention on a CUDA device; no LibTorch.
//
//   if (!MsDeformAttnCudaFits(sizes)) ...  // refuse
//   const cudaError_t error = LaunchMsDeformAttnForward(sizes, inputs, output, stream);
//
// T is float, double, __half or __nv_bfloat16. Pointers are to device memory, but for sizes.spatial_shapes, which is
// read before a launch returns. Results are those of ms_deform_attn_reference.h, and of its fused twin. A launch
// returns what CUDA says of it; what goes wrong while the kernel runs is seen by whoever waits for the stream.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ops/cuda_emulator/cuda_namespace.h"
#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace ops {
inline namespace OPS_CUDA_NAMESPACE {

// What locations, attention weights and sums are where values are stored as T.
template <typename T>
using MsDeformAttnReal = std::conditional_t<std::is_same_v<T, double>, double, float>;

// The levels travel as an argument of the kernels, so their number is fixed; models of this family have three to five.
constexpr int64_t kMsDeformAttnCudaMaxLevels = 16;

// Whether the kernels' indices hold this problem: pixels of an image, queries, points of a head and the bytes of a
// pixel are counted in 32 bits, everything else in 64; the deterministic sums have room for 2^40 points of one head.
inline bool MsDeformAttnCudaFits(const MsDeformAttnSizes& sizes) {
  // room for the last block's spare threads
  constexpr int64_t kLimit = std::numeric_limits<int32_t>::max() - 1024;
  constexpr int64_t kMostPoints = int64_t{1} << 40, kBytes = sizeof(double);
  return sizes.levels <= kMsDeformAttnCudaMaxLevels && sizes.size <= kLimit && sizes.queries <= kLimit &&
         sizes.points <= kLimit / sizes.levels && sizes.heads <= kLimit / kBytes / sizes.channels &&
         (sizes.queries == 0 || sizes.points <= kMostPoints / sizes.queries);
}

// Writes output, [batch, queries, heads, channels]. The same bits on every run.
template <typename T>
cudaError_t LaunchMsDeformAttnForward(const MsDeformAttnSizes& sizes,
                                      const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, T* output,
                                      cudaStream_t stream);
template <typename T>
cudaError_t LaunchMsDeformAttnFusedForward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                           const MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>>& inputs, T* output,
                                           cudaStream_t stream);

// What the deterministic sums are kept in, on the device, at an address that 8 divides.
inline size_t MsDeformAttnWorkspaceBytes(const MsDeformAttnSizes& sizes) {
  return sizeof(uint64_t) * static_cast<size_t>(sizes.batch * sizes.size * sizes.heads * sizes.channels + 1);
}

// Writes the gradients, in the type of the sums. The order of the additions to gradients.value changes from run to run,
// and with it the last bits of a gradient; the other gradients have the same bits on every run.
//
// With a workspace, of so many bytes, that of the value has the same bits too: it is summed in integers of 64 bits,
// whose unit is 2^-61 of what the largest possible sum could be (the largest attention weight times the largest
// gradient of the output, for every point of a head). Where that is not finite, the whole gradient of the value is NaN.
//
// The caller has set to zero: the workspace where there is one, gradients.value otherwise.
template <typename T>
cudaError_t LaunchMsDeformAttnBackward(const MsDeformAttnSizes& sizes,
                                       const MsDeformAttnInputs<T, MsDeformAttnReal<T>>& inputs, const T* grad_output,
                                       const MsDeformAttnGradients<MsDeformAttnReal<T>>& gradients, void* workspace,
                                       cudaStream_t stream);
template <typename T>
cudaError_t LaunchMsDeformAttnFusedBackward(const MsDeformAttnSizes& sizes, const MsDeformAttnReferenceSizes& reference,
                                            const MsDeformAttnFusedInputs<T, MsDeformAttnReal<T>>& inputs,
                                            const T* grad_output,
                                            const MsDeformAttnFusedGradients<MsDeformAttnReal<T>>& gradients,
                                            void* workspace, cudaStream_t stream);

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CUDA_H_
