// What the programs of tools/gpu/run.sh share: memory, times by events, the device's copying, rows of the table.
#ifndef TOOLS_GPU_BENCHMARK_H_
#define TOOLS_GPU_BENCHMARK_H_

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace gpu {

// Exit codes of run.sh.
constexpr int kFailed = 1, kNoDevice = 77;

// Ends the program where CUDA reports an error.
inline void Check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", call, cudaGetErrorString(error));
  std::exit(kFailed);
}
#define GPU_CHECK(...) ::gpu::Check(__VA_ARGS__, #__VA_ARGS__)

// Ends the program where there is no device; says what there is.
inline void RequireDevice() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::fprintf(stderr, "no CUDA device: nothing was run\n");
    std::exit(kNoDevice);
  }
  cudaDeviceProp properties;
  GPU_CHECK(cudaGetDeviceProperties(&properties, 0));
  std::fprintf(stderr, "%s, sm_%d%d, %d multiprocessors\n", properties.name, properties.major, properties.minor,
               properties.multiProcessorCount);
}

// Uninitialised memory on the device.
template <typename T>
class Array {
 public:
  explicit Array(size_t count) : count_(count) { GPU_CHECK(cudaMalloc(&data_, std::max<size_t>(1, bytes()))); }
  ~Array() { cudaFree(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  T* data() const { return data_; }
  size_t count() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }
  void SetToZero() const { GPU_CHECK(cudaMemsetAsync(data_, 0, bytes())); }
  std::vector<T> ToHost() const {
    std::vector<T> host(count_);
    GPU_CHECK(cudaMemcpy(host.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return host;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

// The median of 20 runs by events, after 5 that are not counted.
template <typename Function>
double Milliseconds(const Function& function) {
  constexpr int kWarmUp = 5, kRuns = 20;
  cudaEvent_t start, end;
  GPU_CHECK(cudaEventCreate(&start));
  GPU_CHECK(cudaEventCreate(&end));
  std::vector<float> times;
  for (int run = 0; run < kWarmUp + kRuns; ++run) {
    GPU_CHECK(cudaEventRecord(start));
    function();
    GPU_CHECK(cudaEventRecord(end));
    GPU_CHECK(cudaEventSynchronize(end));
    float time = 0;
    GPU_CHECK(cudaEventElapsedTime(&time, start, end));
    if (run >= kWarmUp) times.push_back(time);
  }
  GPU_CHECK(cudaEventDestroy(start));
  GPU_CHECK(cudaEventDestroy(end));
  std::nth_element(times.begin(), times.begin() + kRuns / 2, times.end());
  return times[kRuns / 2];
}

// Bytes that are read and written in a second while the device copies 256 MiB, more than any cache of it holds.
inline double CopyBytesPerSecond() {
  const Array<char> from(size_t{256} << 20), to(from.count());
  const double time =
      Milliseconds([&] { GPU_CHECK(cudaMemcpyAsync(to.data(), from.data(), from.bytes(), cudaMemcpyDeviceToDevice)); });
  return 2 * static_cast<double>(from.bytes()) / (time * 1e-3);
}

// A row of the table. `bytes` is what has to be moved at least, each array once; baseline_ms 0: there is none.
inline void PrintRow(const std::string& name, const char* direction, const char* type, double ms, double baseline_ms,
                     double bytes, double copy_bytes_per_second) {
  char baseline[64] = "- | -";
  if (baseline_ms > 0) std::snprintf(baseline, sizeof(baseline), "%.3f | %.1f", baseline_ms, baseline_ms / ms);
  const double rate = bytes / (ms * 1e-3);
  std::printf("| %s | %s | %s | %.3f | %s | %.0f | %.0f %% |\n", name.c_str(), direction, type, ms, baseline,
              rate * 1e-9, 100 * rate / copy_bytes_per_second);
}

}  // namespace gpu

#endif  // TOOLS_GPU_BENCHMARK_H_
