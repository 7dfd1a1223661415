#include "ops/cpu_target/cpu_target.h"

#include <algorithm>
#include <atomic>

#include "base/check.h"

namespace ops {
namespace {

std::atomic<CpuTarget>& Current() {
  static std::atomic<CpuTarget> current(SupportedCpuTargets().front());
  return current;
}

}  // namespace

const char* CpuTargetName(CpuTarget target) { return target == CpuTarget::kAvx2 ? "avx2" : "avx512"; }

std::vector<CpuTarget> SupportedCpuTargets() {
  // what Highway's target AVX3 asks for; the rest of the program needs AVX2 already
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  return has_avx512 ? std::vector<CpuTarget>{CpuTarget::kAvx512, CpuTarget::kAvx2}
                    : std::vector<CpuTarget>{CpuTarget::kAvx2};
}

CpuTarget CurrentCpuTarget() { return Current().load(std::memory_order_relaxed); }

void UseCpuTarget(CpuTarget target) {
  const std::vector<CpuTarget> supported = SupportedCpuTargets();
  GROUPPOSE_CHECK(std::find(supported.begin(), supported.end(), target) != supported.end(), "this CPU has no ",
                  CpuTargetName(target));
  Current().store(target, std::memory_order_relaxed);
}

}  // namespace ops
