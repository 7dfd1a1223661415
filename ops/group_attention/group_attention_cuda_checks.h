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

// Both passes into poisoned arrays; the error of a launch is in `error`.
template <typename T>
Results<T> EvaluateOnDevice(const Problem& problem, cudaError_t* error) {
  DeviceArray<T> qkv(DeviceNumbers<T>(problem.qkv)), grad_output(DeviceNumbers<T>(problem.grad_output)),
      output(std::vector<T>(problem.outputs(), static_cast<T>(999))),
      grad_qkv(std::vector<T>(3 * problem.outputs(), static_cast<T>(999)));
  const T *in = qkv.data(), *grad = grad_output.data();
  *error = LaunchGroupAttentionForward(problem.sizes, problem.strides, in, output.data(), nullptr);
  if (*error == cudaSuccess) {
    *error = LaunchGroupAttentionBackward(problem.sizes, problem.strides, in, grad, grad_qkv.data(), nullptr);
  }
  return {output.Values(), grad_qkv.Values()};
}

// What differs from the reference's results in one type; "" if nothing does.
template <typename T>
std::string CheckType(const Problem& problem, const Results<double>& wanted) {
  if (!GroupAttentionCudaFits<T>(problem.sizes)) return "does not fit";
  cudaError_t error = cudaSuccess;
  const Results<T> found = EvaluateOnDevice<T>(problem, &error);
  if (error != cudaSuccess) return "CUDA error " + std::to_string(error);
  const std::string difference = Difference("output", HostNumbers(found.output), wanted.output, kCudaTolerance<T>);
  if (!difference.empty()) return difference;
  return Difference("gradient", HostNumbers(found.grad_qkv), wanted.grad_qkv, kCudaTolerance<T>);
}

// The same in every type.
inline std::string CheckAll(const Problem& problem) {
  const Results<double> wanted = EvaluateReference(problem);
  std::string differences;
  const auto add = [&](const char* type, const std::string& difference) {
    if (!difference.empty()) differences += std::string(type) + ": " + difference + "; ";
  };
  add("float", CheckType<float>(problem, wanted));
  add("double", CheckType<double>(problem, wanted));
  add("half", CheckType<__half>(problem, wanted));
  add("bfloat16", CheckType<__nv_bfloat16>(problem, wanted));
  return differences.empty() ? "" : Describe(problem.sizes) + ": " + differences;
}

}  // namespace ops::testing

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_CUDA_CHECKS_H_
