// Which of the compiled instruction sets the CPU kernels use: the best that this CPU has. Tests and benchmarks choose.
#ifndef OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_TARGET_H_
#define OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_TARGET_H_

#include <string>
#include <vector>

namespace ops {

// Names of the compiled targets that this CPU can run, the best first: "AVX-512", "AVX2".
std::vector<std::string> MsDeformAttnCpuTargets();

// All later calls in this process use this target of MsDeformAttnCpuTargets(). Not while an operator runs.
void UseMsDeformAttnCpuTarget(const std::string& name);

}  // namespace ops

#endif  // OPS_MS_DEFORM_ATTN_MS_DEFORM_ATTN_CPU_TARGET_H_
