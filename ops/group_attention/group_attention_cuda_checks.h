// Compares launches of the CUDA kernels with the reference: on a device, or where the emulator runs them (this header
// is compiled with OPS_CUDA_EMULATED then).
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_CHECKS_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_CHECKS_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "ops/group_attention/group_attention_cuda.h"
#include "ops/group_attention/group_attention_problems.h"

namespace ops::testing {

// An array where the kernels can reach it.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
#ifdef OPS_CUDA_EMULATED
    host_ = values;
    data_ = host_.data();
#else
    if (cudaMalloc(reinterpret_cast<void**>(&data_), count_ * sizeof(T) + 1) == cudaSuccess) {
      cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice);
    }
#endif
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
#ifdef OPS_CUDA_EMULATED
  std::vector<T> Values() const { return host_; }
#else
  ~DeviceArray() { cudaFree(data_); }
  // Waits for the device.
  std::vector<T> Values() const {
    std::vector<T> values(count_);
    cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }
#endif
  T* data() { return data_; }

 private:
  size_t count_;
  T* data_ = nullptr;
  std::vector<T> host_;
};

template <typename T>
std::vector<T> DeviceNumbers(const std::vector<double>& values) {
  std::vector<T> numbers;
  for (double x : values) numbers.push_back(static_cast<T>(x));
  return numbers;
}

template <typename T>
std::vector<double> HostNumbers(const std::vector<T>& values) {
  std::vector<double> numbers;
  for (const T& x : values) numbers.push_back(static_cast<double>(static_cast<GroupAttentionReal<T>>(x)));
  return numbers;
}

// Roundings of some dozen terms, and of 16 bits when they are stored.
template <typename T>
constexpr double kCudaTolerance = std::is_same_v<T, double>          ? 1e-14
                                  : std::is_same_v<T, float>         ? 4e-6
                                  : std::is_same_v<T, __nv_bfloat16> ? 0x1.02p-8
                                                                     : 0x1.02p-11;

// Both passes into poisoned arrays; the error of a launch fails the running test.
template <typename T>
Results<T> EvaluateOnDevice(const Problem& problem) {
  DeviceArray<T> qkv(DeviceNumbers<T>(problem.qkv)), grad_output(DeviceNumbers<T>(problem.grad_output)),
      output(std::vector<T>(problem.outputs(), static_cast<T>(999))),
      grad_qkv(std::vector<T>(3 * problem.outputs(), static_cast<T>(999)));
  EXPECT_TRUE(GroupAttentionCudaFits<T>(problem.sizes));
  EXPECT_EQ(LaunchGroupAttentionForward(problem.sizes, problem.strides, const_cast<const T*>(qkv.data()), output.data(),
                                        nullptr),
            cudaSuccess);
  EXPECT_EQ(LaunchGroupAttentionBackward(problem.sizes, problem.strides, const_cast<const T*>(qkv.data()),
                                         const_cast<const T*>(grad_output.data()), grad_qkv.data(), nullptr),
            cudaSuccess);
  return {output.Values(), grad_qkv.Values()};
}

template <typename T>
void ExpectEqualToReferenceOnDevice(const Problem& problem, const Results<double>& wanted) {
  const Results<T> found = EvaluateOnDevice<T>(problem);
  ExpectNear(HostNumbers(found.output), wanted.output, kCudaTolerance<T>);
  ExpectNear(HostNumbers(found.grad_qkv), wanted.grad_qkv, kCudaTolerance<T>);
}

inline void ExpectEqualToReferenceOnDevice(const Problem& problem) {
  SCOPED_TRACE(Describe(problem.sizes));
  const Results<double> wanted = EvaluateReference(problem);
  ExpectEqualToReferenceOnDevice<float>(problem, wanted);
  ExpectEqualToReferenceOnDevice<double>(problem, wanted);
  ExpectEqualToReferenceOnDevice<__half>(problem, wanted);
  ExpectEqualToReferenceOnDevice<__nv_bfloat16>(problem, wanted);
}

}  // namespace ops::testing

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_CHECKS_H_
