#include "ops/testing/machine_peaks.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <thread>
#include <utility>
#include <vector>

namespace ops::testing {
namespace {

constexpr int kRuns = 7;

// Seconds until all threads have run body(thread), the shortest of several runs.
double Seconds(int threads, const std::function<void(int)>& body) {
  double best = 1e30;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(body, i);
    body(0);
    for (std::thread& other : others) other.join();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

constexpr int64_t kSteps = 2'000'000;
// Multiply-adds take four cycles and two begin in each: eight would do; twelve fit the 16 registers of AVX2.
constexpr int kSums = 12;

typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));

// Compiled with -ffp-contract=fast, which makes one instruction of a product and a sum.
template <typename Vector>
__attribute__((always_inline)) inline void MultiplyAdd() {
  Vector sums[kSums] = {}, factor = {};
  // the compiler must not know the numbers
  asm volatile("" : "+v"(factor));
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) {
      sums[i] = sums[i] * factor + factor;
      asm volatile("" : "+v"(sums[i]));
    }
  }
}

__attribute__((noinline)) void MultiplyAddAvx2() { MultiplyAdd<Float8>(); }
__attribute__((noinline, target("avx512f"))) void MultiplyAddAvx512() { MultiplyAdd<Float16>(); }

double FlopsPerSecond(int threads, CpuTarget target) {
  const bool is_wide = target == CpuTarget::kAvx512;
  const double lanes = is_wide ? 16 : 8;
  return 2 * lanes * kSums * kSteps * threads /
         Seconds(threads, [is_wide](int) { is_wide ? MultiplyAddAvx512() : MultiplyAddAvx2(); });
}

double BytesPerSecond(int threads) {
  // larger than the caches, of all threads together
  constexpr size_t kBytes = size_t{128} << 20;
  const size_t share = kBytes / threads;
  std::vector<char> from(kBytes, 1), to(kBytes, 2);
  return 2.0 * static_cast<double>(share) * threads / Seconds(threads, [&](int thread) {
           std::memcpy(to.data() + thread * share, from.data() + thread * share, share);
         });
}

}  // namespace

const MachinePeaks& MeasuredMachinePeaks(int threads, CpuTarget target) {
  static std::map<std::pair<int, CpuTarget>, MachinePeaks>& measured =
      *new std::map<std::pair<int, CpuTarget>, MachinePeaks>;
  const auto [place, is_new] = measured.try_emplace({threads, target});
  if (!is_new) return place->second;
  const char* const wanted = std::getenv("OPS_MACHINE_PEAKS");
  if (wanted != nullptr && std::strcmp(wanted, "none") == 0) {
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    return place->second = {kUnknown, kUnknown};
  }
  return place->second = {FlopsPerSecond(threads, target), BytesPerSecond(threads)};
}

}  // namespace ops::testing
