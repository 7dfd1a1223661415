// Swin-T: the features of one image of 800 x 1216 pixels, a common size of COCO's evaluation, and forward and backward
// of one of 512 x 512, where gradient checkpointing trades time for memory.
//
//   ./bazelw run //grouppose/backbone:swin_benchmark
//
// The argument is the number of threads; CPU is the time of all of them.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "grouppose/backbone/backbone.h"

namespace grouppose {
namespace {

// Random values from the addressed generator, with no test data behind them.
struct Pixels : nn::Module {
  Pixels(int64_t height, int64_t width) : images(AddBuffer("images", {1, 3, height, width}, nn::Init::Normal(1))) {
    nn::Initialise(*this, 1);
  }
  at::Tensor images;
};

void Forward(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const at::NoGradGuard no_grad;
  const auto backbone = MakeBackbone(SwinOptions{});
  nn::Initialise(*backbone, 1);
  backbone->SetTraining(false);
  const Pixels pixels(800, 1216);
  for (auto _ : state) benchmark::DoNotOptimize(backbone->Forward(pixels.images));
}

void ForwardAndBackward(benchmark::State& state, bool gradient_checkpointing) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  SwinOptions options;
  options.gradient_checkpointing = gradient_checkpointing;
  const auto backbone = MakeBackbone(options);
  nn::Initialise(*backbone, 1);
  const Pixels pixels(512, 512);
  for (auto _ : state) {
    at::Tensor sum = at::zeros({});
    for (const at::Tensor& level : backbone->Forward(pixels.images)) sum = sum + level.sum();
    sum.backward();
  }
}

void Threads(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();
}

BENCHMARK(Forward)->Apply(Threads);
BENCHMARK_CAPTURE(ForwardAndBackward, plain, false)->Apply(Threads);
BENCHMARK_CAPTURE(ForwardAndBackward, checkpointed, true)->Apply(Threads);

}  // namespace
}  // namespace grouppose
