// Which instruction set the operators' kernels use: the best of those they are compiled for that this CPU has. Tests
// and benchmarks choose another.
#ifndef OPS_CPU_TARGET_CPU_TARGET_H_
#define OPS_CPU_TARGET_CPU_TARGET_H_

#include <vector>

namespace ops {

enum class CpuTarget { kAvx2, kAvx512 };

const char* CpuTargetName(CpuTarget target);

// Those that this CPU can run, the best first.
std::vector<CpuTarget> SupportedCpuTargets();

CpuTarget CurrentCpuTarget();

// All later calls of operators use `target`, which is supported. Not while an operator runs.
void UseCpuTarget(CpuTarget target);

}  // namespace ops

#endif  // OPS_CPU_TARGET_CPU_TARGET_H_
