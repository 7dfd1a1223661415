// Counters that say how much a benchmark does, and what share that is of what the machine can do.
#ifndef OPS_TESTING_BENCHMARK_WORK_H_
#define OPS_TESTING_BENCHMARK_WORK_H_

#include <benchmark/benchmark.h>

#include <algorithm>

#include "ops/testing/machine_peaks.h"

namespace ops::testing {

// Of one call that runs on so many threads: sets FLOP and bytes, their rates FLOP/s and B/s, the measured peaks
// (peak_FLOP/s, peak_B/s), the shares of them (of_flops, of_copy), and roofline, the larger share.
inline void CountWork(double flop, double bytes, int threads, benchmark::State* state) {
  const MachinePeaks& peaks = MeasuredMachinePeaks(threads);
  using benchmark::Counter;
  const auto rate = [](double of_a_call) { return Counter(of_a_call, Counter::kIsIterationInvariantRate); };
  const double of_flops = flop / peaks.flops_per_second, of_copy = bytes / peaks.bytes_per_second;
  state->counters["peak_FLOP/s"] = peaks.flops_per_second;
  state->counters["peak_B/s"] = peaks.bytes_per_second;
  state->counters["FLOP"] = flop;
  state->counters["bytes"] = bytes;
  state->counters["FLOP/s"] = rate(flop);
  state->counters["B/s"] = rate(bytes);
  state->counters["of_flops"] = rate(of_flops);
  state->counters["of_copy"] = rate(of_copy);
  state->counters["roofline"] = rate(std::max(of_flops, of_copy));
}

}  // namespace ops::testing

#endif  // OPS_TESTING_BENCHMARK_WORK_H_
