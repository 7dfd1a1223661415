// For tests that need a GPU.
#ifndef OPS_TESTING_CUDA_DEVICE_H_
#define OPS_TESTING_CUDA_DEVICE_H_

#include <ATen/Context.h>
#include <gtest/gtest.h>

// Skips the test, with the reason, where LibTorch has no CUDA device.
#define SKIP_WITHOUT_CUDA_DEVICE()                                                                                   \
  if (!at::hasCUDA()) {                                                                                              \
    GTEST_SKIP() << (at::Context::hasCUDART() ? "no CUDA device here" : "built without CUDA; --config=cuda has it"); \
  }

#endif  // OPS_TESTING_CUDA_DEVICE_H_
