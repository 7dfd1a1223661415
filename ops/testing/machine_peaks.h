// What this machine can do at most, measured: benchmarks state the share of it that they reach.
#ifndef OPS_TESTING_MACHINE_PEAKS_H_
#define OPS_TESTING_MACHINE_PEAKS_H_

#include "ops/cpu_target/cpu_target.h"

namespace ops::testing {

struct MachinePeaks {
  // Of float32 multiply-adds (two operations each) on registers.
  double flops_per_second = 0;
  // Copying between arrays that no cache holds; bytes read and bytes written both count.
  double bytes_per_second = 0;
};

// Of so many threads that run at once, with the instructions of `target`. Takes about a third of a second, once for
// each pair; the best of several runs. With OPS_MACHINE_PEAKS=none in the environment nothing is measured, and both are
// NaN: for who starts a program many times over.
const MachinePeaks& MeasuredMachinePeaks(int threads, CpuTarget target = CurrentCpuTarget());

}  // namespace ops::testing

#endif  // OPS_TESTING_MACHINE_PEAKS_H_
