// The inline namespace of kernels and their launches, so that a program can hold those for a GPU and those that the
// emulator runs: the same names in the source, others for the linker.
#ifndef OPS_CUDA_EMULATOR_CUDA_NAMESPACE_H_
#define OPS_CUDA_EMULATOR_CUDA_NAMESPACE_H_

#ifdef OPS_CUDA_EMULATED
#define OPS_CUDA_NAMESPACE cuda_emulated
#else
#define OPS_CUDA_NAMESPACE cuda
#endif

#endif  // OPS_CUDA_EMULATOR_CUDA_NAMESPACE_H_
