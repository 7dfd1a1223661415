// Times the ways to compute softmax(q k^T / sqrt(channels)) v with torch on the CPU, at the sizes at which the schemes
// of //grouppose/attention use it. MultiheadAttention takes "fused_strided".
//
//   ./bazelw run //grouppose/nn:multihead_attention_benchmark -- --benchmark_repetitions=5
//       --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
//
// Milliseconds of CPU time, median of 5, forward | training step (forward and backward); one thread of an AMD EPYC (Zen
// 5) that did other work too, torch 2.11 with its AVX-512 kernels:
//
//                       fused_strided    fused_copies           math        composed
//   full_published      43.0 |  144      42.5 |  143       163 |  346     138 |  311
//   full_study          2.91 | 8.80      3.12 | 8.96      7.77 | 16.4    4.50 | 12.1
//   within_published    1.57 | 6.85      1.94 | 6.64      2.38 | 6.09    1.72 | 5.19
//   across_published    3.61 | 11.6      3.97 | 12.1      7.63 | 15.6    4.43 | 12.6
//   within_study        0.65 | 2.68      0.74 | 2.59      1.10 | 2.22    0.64 | 1.73
//   across_study        0.45 | 1.88      0.55 | 1.76      0.74 | 1.76    0.46 | 1.40
//
// Over many tokens the fused kernel is two to three times as fast as anything else; copying its inputs first makes no
// difference. FULL runs at 77 GFLOP/s there, a plain matrix product at 85 to 90. Over a few tokens the composition
// would take a quarter to a third off a training step of GROUP: of the two, it is not FULL that could be made faster.
// AVX2 kernels, as the cells of a study are limited to: full_published 43.9 | 150, full_study 3.10 | 9.49.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"

namespace grouppose::nn {
namespace {

// q, k, v: [sequences, heads, length, channels], views of the one product that makes them -> the same shape.
using Attend = at::Tensor (*)(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// Torch chooses; without mask and dropout it takes its fused kernel (flash attention for the CPU).
at::Tensor Fused(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return at::scaled_dot_product_attention(q, k, v);
}

at::Tensor FusedOfCopies(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return at::scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous());
}

at::Tensor Math(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v));
}

// Written out: two batched products with all the weights between them in memory.
at::Tensor Composed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto matrices = [](const at::Tensor& x) { return x.reshape({-1, x.size(2), x.size(3)}); };
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor weights = at::softmax(at::bmm(matrices(q) * scale, matrices(k).transpose(1, 2)), -1);
  return at::bmm(weights, matrices(v)).view(q.sizes());
}

struct Use {
  const char* name;
  int64_t sequences, length, heads, channels;
};

// One image with N = 100 instances of K + 1 = 18 tokens, and the batch of 8 with N = 16 of the embedded study.
constexpr Use kUses[] = {
    {"full_published", 1, 1800, 8, 32}, {"within_published", 100, 18, 8, 32}, {"across_published", 18, 100, 8, 32},
    {"full_study", 8, 288, 4, 16},      {"within_study", 8 * 16, 18, 4, 16},  {"across_study", 8 * 18, 16, 4, 16},
};

// What the projection leaves: [sequences, length, 3, heads, channels].
at::Tensor Projected(const Use& use) {
  base::RandomStream random(use.name, {});
  at::Tensor projected = at::empty({use.sequences, use.length, 3, use.heads, use.channels}, at::kFloat);
  float* out = projected.mutable_data_ptr<float>();
  for (int64_t i = 0; i < projected.numel(); ++i) out[i] = static_cast<float>(random.NextNormal());
  return projected;
}

// [sequences, length, hidden], as the projection behind the attention reads it.
at::Tensor Run(const at::Tensor& projected, Attend attend) {
  const std::vector<at::Tensor> qkv = projected.permute({2, 0, 3, 1, 4}).unbind(0);
  return attend(qkv[0], qkv[1], qkv[2]).transpose(1, 2).flatten(2);
}

void Forward(benchmark::State& state, const Use& use, Attend attend) {
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  const at::Tensor projected = Projected(use);
  for (auto _ : state) benchmark::DoNotOptimize(Run(projected, attend));
}

void TrainingStep(benchmark::State& state, const Use& use, Attend attend) {
  at::set_num_threads(1);
  at::Tensor projected = Projected(use);
  projected.set_requires_grad(true);
  const at::Tensor gradient = projected.detach().select(2, 0).flatten(2).contiguous();
  for (auto _ : state) {
    Run(projected, attend).backward(gradient);
    projected.mutable_grad().reset();
  }
}

const bool kRegistered = [] {
  for (const Use& use : kUses) {
    for (const auto& [pass, run] : {std::pair("forward", Forward), std::pair("training_step", TrainingStep)}) {
      for (const auto& [name, attend] :
           {std::pair<std::string, Attend>("fused_strided", Fused),
            std::pair<std::string, Attend>("fused_copies", FusedOfCopies), std::pair<std::string, Attend>("math", Math),
            std::pair<std::string, Attend>("composed", Composed)}) {
        const std::string full_name = std::string(use.name) + "/" + pass + "/" + name;
        benchmark::RegisterBenchmark(full_name.c_str(), run, use, attend)->Unit(benchmark::kMillisecond)->UseRealTime();
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace grouppose::nn
