// The same bytes every time: one thread, one instruction set, torch's deterministic algorithms.
#ifndef GROUPPOSE_TRAIN_DETERMINISM_H_
#define GROUPPOSE_TRAIN_DETERMINISM_H_

#include <string>

namespace grouppose::train {

// Libraries read their limits from the environment, some of it before main. Where it differs from what a reproducible
// run needs (AVX2 kernels in ATen, oneDNN and MKL; one OpenMP thread), the program starts itself again with it, with
// the arguments that it was started with. Returns only in a process whose environment is pinned; call it before
// anything is read, written or printed, for that would happen twice.
void PinEnvironment();

// The same for the kernels alone: any number of threads.
void PinInstructionSet();

// One intra-op thread, deterministic algorithms (an operator without one throws), no cuDNN benchmarking.
void UseDeterministicAlgorithms();

// "avx2": what PinEnvironment limits kernels to; written to provenance.textproto.
std::string PinnedInstructionSet();

}  // namespace grouppose::train

#endif  // GROUPPOSE_TRAIN_DETERMINISM_H_
