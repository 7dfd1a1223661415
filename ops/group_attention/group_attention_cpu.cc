// Every product of group attention is one small matrix product, out[r] += sum over t of a(r, t) b[t], with the lanes of
// a vector over the columns of b: keys for the scores (their transposes are packed), channels for everything else. Rows
// are copied into dense scratch first, whatever their type and stride: across instances they lie 55 kB apart, which
// maps them all to a few sets of the caches.
#include "ops/group_attention/group_attention_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_attention/group_attention_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file up to HWY_ONCE once for each instruction set
// after it
#include <hwy/highway.h>

#include "ops/cpu_target/cpu_target.h"
#include "ops/group_attention/group_attention_cpu-inl.h"

#if HWY_ONCE
static_assert(HWY_TARGETS == (HWY_AVX2 | HWY_AVX3), "the kernels are compiled for other targets than CpuTarget has");

namespace ops {

template <typename T>
void GroupAttentionForwardCpu(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const T* qkv,
                              int64_t begin, int64_t end, T* output) {
  const auto forward = CurrentCpuTarget() == CpuTarget::kAvx512 ? N_AVX3::Forward<T> : N_AVX2::Forward<T>;
  forward(sizes, strides, qkv, begin, end, output);
}

template <typename T>
void GroupAttentionBackwardCpu(const GroupAttentionSizes& sizes, const GroupAttentionStrides& strides, const T* qkv,
                               const T* grad_output, int64_t begin, int64_t end, T* grad_qkv) {
  const auto backward = CurrentCpuTarget() == CpuTarget::kAvx512 ? N_AVX3::Backward<T> : N_AVX2::Backward<T>;
  backward(sizes, strides, qkv, grad_output, begin, end, grad_qkv);
}

#define OPS_INSTANTIATE(T)                                                                                            \
  template void GroupAttentionForwardCpu(const GroupAttentionSizes&, const GroupAttentionStrides&, const T*, int64_t, \
                                         int64_t, T*);                                                                \
  template void GroupAttentionBackwardCpu(const GroupAttentionSizes&, const GroupAttentionStrides&, const T*,         \
                                          const T*, int64_t, int64_t, T*)
OPS_INSTANTIATE(float);
OPS_INSTANTIATE(double);
OPS_INSTANTIATE(BFloat16Bits);
OPS_INSTANTIATE(HalfBits);
#undef OPS_INSTANTIATE

}  // namespace ops
#endif  // HWY_ONCE
