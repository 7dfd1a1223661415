// Times group attention beside the same attention out of torch's operators.
//
//   ./bazelw run //ops/group_attention:group_attention_benchmark -- --benchmark_filter=forward
//
// A name is IMPLEMENTATION/SIZES/TYPE/DIRECTION/threads:N. Counters: FLOP (of the products: four, or ten in the
// backward pass, for each pair of tokens and channel) and bytes (tokens read and written once) of a call; their rates;
// the shares of what this machine reaches at most, measured in the same run (ops/testing/machine_peaks.h).
// `roofline` is the larger share: that of the bound which comes first. A training step is both passes through autograd.
// The input is normal with unit variance, so that attention is neither flat nor one token's.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "ops/group_attention/attention_compositions.h"
#include "ops/group_attention/group_attention.h"
#include "ops/testing/benchmark_outputs.h"
#include "ops/testing/benchmark_work.h"

namespace ops {
namespace {

using at::Tensor;

struct Sizes {
  const char* name;
  int64_t batch, instances, keypoints, heads, channels, along;

  int64_t length() const { return along == 1 ? instances : keypoints; }
  int64_t tokens() const { return batch * instances * keypoints; }
  int64_t hidden() const { return heads * channels; }
};

// One image with N = 100 instances of K + 1 = 18 tokens, and the batch of 8 with N = 16 of the embedded study; `full`
// is the plain alternative to grouping, all tokens of an image as one sequence.
constexpr Sizes kSizes[] = {
    {"within_published", 1, 100, 18, 8, 32, 2}, {"across_published", 1, 100, 18, 8, 32, 1},
    {"full_published", 1, 1, 1800, 8, 32, 2},   {"within_study", 8, 16, 18, 4, 16, 2},
    {"across_study", 8, 16, 18, 4, 16, 1},      {"full_study", 8, 1, 288, 4, 16, 2},
};

Tensor Normal(at::IntArrayRef sizes, at::ScalarType type) {
  base::RandomStream random("group_attention_benchmark", {});
  Tensor tensor = at::empty(sizes, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(random.NextNormal());
  return tensor.to(type);
}

using Attend = Tensor (*)(const Tensor& input, const Sizes& sizes);

Tensor Operator(const Tensor& qkv, const Sizes& sizes) { return GroupAttention(qkv, sizes.heads, sizes.along); }
Tensor ScaledDotProduct(const Tensor& qkv, const Sizes& sizes) {
  return ScaledDotProductGroupAttention(qkv, sizes.heads, sizes.along).contiguous();
}
Tensor Composed(const Tensor& qkv, const Sizes& sizes) {
  return ComposedGroupAttention(qkv, sizes.heads, sizes.along).contiguous();
}
Tensor Official(const Tensor& parts, const Sizes& sizes) {
  return OfficialAttention(parts[0], parts[1], parts[2], sizes.heads);
}

struct Implementation {
  const char* name;
  Attend attend;
  bool takes_parts;  // [3, length, sequences, hidden] instead of packed tokens
};
constexpr Implementation kImplementations[] = {
    {"group_attention", Operator, false},
    {"scaled_dot_product", ScaledDotProduct, false},
    {"composed", Composed, false},
    {"official", Official, true},
};

enum class Direction { kForward, kTrainingStep };

void Count(benchmark::State& state, const Sizes& sizes, Direction direction, int64_t element, int threads) {
  const double pairs = static_cast<double>(sizes.tokens() * sizes.length() * sizes.hidden());
  const double tokens = static_cast<double>(sizes.tokens() * sizes.hidden() * element);
  const bool is_forward = direction == Direction::kForward;
  // read 3 and write 1; then read 3 and 1 and write 3
  const double flop = pairs * (is_forward ? 4 : 14), bytes = tokens * (is_forward ? 4 : 11);
  testing::CountWork(flop, bytes, threads, &state);
}

void Run(benchmark::State& state, const Implementation& implementation, const Sizes& sizes, at::ScalarType type,
         Direction direction) {
  const int threads = static_cast<int>(state.range(0));
  at::set_num_threads(threads);
  const int64_t sequences = sizes.tokens() / std::max<int64_t>(sizes.length(), 1);
  Tensor input = implementation.takes_parts
                     ? Normal({3, sizes.length(), sequences, sizes.hidden()}, type)
                     : Normal({sizes.batch, sizes.instances, sizes.keypoints, 3 * sizes.hidden()}, type);
  if (direction == Direction::kForward) {
    const at::NoGradGuard no_grad;
    for (auto _ : state) benchmark::DoNotOptimize(implementation.attend(input, sizes));
    testing::CountOutputs({implementation.attend(input, sizes)}, &state);
  } else {
    input.set_requires_grad(true);
    const Tensor gradient = implementation.attend(input, sizes).detach();
    for (auto _ : state) {
      implementation.attend(input, sizes).backward(gradient);
      input.mutable_grad().reset();
    }
    implementation.attend(input, sizes).backward(gradient);
    testing::CountOutputs({input.grad()}, &state);
  }
  Count(state, sizes, direction, input.element_size(), threads);
}

void Register(const Implementation& implementation, const Sizes& sizes, at::ScalarType type, const char* type_name) {
  for (const auto& [direction, direction_name] :
       {std::pair(Direction::kForward, "forward"), std::pair(Direction::kTrainingStep, "training_step")}) {
    const std::string name =
        std::string(implementation.name) + "/" + sizes.name + "/" + type_name + "/" + direction_name;
    benchmark::RegisterBenchmark(name.c_str(), Run, implementation, sizes, type, direction)
        ->ArgName("threads")
        ->Arg(1)
        ->Arg(2)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
}

const bool kRegistered = [] {
  for (const Sizes& sizes : kSizes) {
    for (const Implementation& implementation : kImplementations) {
      Register(implementation, sizes, at::kFloat, "float32");
    }
    Register(kImplementations[0], sizes, at::kDouble, "float64");
    Register(kImplementations[0], sizes, at::kBFloat16, "bfloat16");
    Register(kImplementations[0], sizes, at::kHalf, "float16");
  }
  return true;
}();

}  // namespace
}  // namespace ops
