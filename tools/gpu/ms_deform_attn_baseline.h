// Multi-scale deformable attention as it is published and copied, written afresh from its description: what the kernels
// of ops/ms_deform_attn are timed against. Forward, a thread has one channel of one query and head, and sets all its
// points up for itself. Backward, a block has one query and head, a thread a channel; the gradient of the value is
// added atomically, one float at a time, and the block's first thread sums the others' shares of a point's gradients.
// Floats, and indices of 32 bits.
//
// Beside it, the inputs of the benchmark.
#ifndef TOOLS_GPU_MS_DEFORM_ATTN_BASELINE_H_
#define TOOLS_GPU_MS_DEFORM_ATTN_BASELINE_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ops/cuda_emulator/cuda_namespace.h"
#include "ops/ms_deform_attn/ms_deform_attn_sizes.h"

namespace gpu {
inline namespace OPS_CUDA_NAMESPACE {

// Levels and their first pixels are arrays on the device, [levels, 2] and [levels].
struct BaselineLevels {
  const int32_t* shapes;
  const int32_t* starts;
};

// As the launches of ms_deform_attn_cuda.h. At most 1,024 channels.
cudaError_t LaunchBaselineForward(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels,
                                  const ops::MsDeformAttnInputs<float>& inputs, float* output, cudaStream_t stream);
cudaError_t LaunchBaselineBackward(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels,
                                   const ops::MsDeformAttnInputs<float>& inputs, const float* grad_output,
                                   const ops::MsDeformAttnGradients<float>& gradients, cudaStream_t stream);

// Uniform in [-1, 1). T as the operator's.
template <typename T>
cudaError_t LaunchFillUniform(int64_t count, uint64_t seed, T* out, cudaStream_t stream);

// Reference points [queries, 1, 2]: the queries' own pixels where they are all pixels of all levels (an encoder), else
// spread over the image; offsets as of a trained model, normal with a standard deviation of `pixels`.
template <typename Real>
cudaError_t LaunchFillReference(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels, Real* out,
                                cudaStream_t stream);
template <typename Real>
cudaError_t LaunchFillNormal(int64_t count, uint64_t seed, Real deviation, Real* out, cudaStream_t stream);

// The locations and weights of the plain entry that are those of the fused one.
template <typename Real>
cudaError_t LaunchMakePlain(const ops::MsDeformAttnSizes& sizes, const BaselineLevels& levels, const Real* reference,
                            const Real* offsets, const Real* logits, Real* locations, Real* weights,
                            cudaStream_t stream);

}  // namespace OPS_CUDA_NAMESPACE
}  // namespace gpu

#endif  // TOOLS_GPU_MS_DEFORM_ATTN_BASELINE_H_
