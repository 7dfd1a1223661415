// Times the self-attention of a decoder layer, projections included, beside torch.nn.MultiheadAttention as the official
// decoder calls it; //ops/group_attention:group_attention_benchmark times the attention alone.
//
//   ./bazelw run //grouppose/nn:multihead_attention_benchmark -- --benchmark_repetitions=5
//       --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
//
// The official call: queries, keys and values are the same tokens, handed over as three tensors, so that each is
// projected on its own; tokens are transposed so that the sequence comes first; the weights are in memory, and their
// mean over the heads is computed and thrown away. README.md of ops/group_attention has the times.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/softmax.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "grouppose/nn/multihead_attention.h"

namespace grouppose::nn {
namespace {

struct Use {
  const char* name;
  int64_t batch, instances, types, heads, channels, along;
};

// One image with N = 100 instances of K + 1 = 18 tokens, and the batch of 8 with N = 16 of the embedded study; `full`
// is all tokens of an image as one sequence.
constexpr Use kUses[] = {
    {"within_published", 1, 100, 18, 8, 32, 2}, {"across_published", 1, 100, 18, 8, 32, 1},
    {"full_published", 1, 1, 1800, 8, 32, 2},   {"within_study", 8, 16, 18, 4, 16, 2},
    {"across_study", 8, 16, 18, 4, 16, 1},      {"full_study", 8, 1, 288, 4, 16, 2},
};

class Layer {
 public:
  explicit Layer(const Use& use) : use_(use), attention_({use.heads * use.channels, use.heads, 0}) {
    for (const NamedTensor& named : attention_.NamedTensors()) {
      named.tensor.detach().copy_(Normal(named.tensor.sizes()) / std::sqrt(static_cast<double>(hidden())));
      if (named.name == "in_proj_weight") in_weight_ = named.tensor;
      if (named.name == "in_proj_bias") in_bias_ = named.tensor;
      if (named.name == "out_proj.weight") out_weight_ = named.tensor;
      if (named.name == "out_proj.bias") out_bias_ = named.tensor;
    }
  }

  int64_t hidden() const { return use_.heads * use_.channels; }
  at::Tensor Tokens() const { return Normal({use_.batch, use_.instances, use_.types, hidden()}); }
  at::Tensor Ours(const at::Tensor& tokens) const { return attention_.SelfAttention(tokens, use_.along); }

  at::Tensor Official(const at::Tensor& tokens) const {
    // [length, sequences, hidden], as views
    const at::Tensor sequences = use_.along == 2 ? tokens.flatten(0, 1).transpose(0, 1)
                                                 : tokens.transpose(0, 1).reshape({use_.instances, -1, hidden()});
    const int64_t length = sequences.size(0), count = sequences.size(1);
    const auto part = [&](int64_t which) {
      return at::linear(sequences, in_weight_.narrow(0, which * hidden(), hidden()),
                        in_bias_.narrow(0, which * hidden(), hidden()))
          .contiguous()
          .view({length, count * use_.heads, use_.channels})
          .transpose(0, 1);
    };
    const double scale = 1 / std::sqrt(static_cast<double>(use_.channels));
    const at::Tensor weights = at::softmax(at::bmm(part(0) * scale, part(1).transpose(-2, -1)), -1);
    const at::Tensor attended = at::bmm(weights, part(2)).transpose(0, 1).contiguous().view({length, count, hidden()});
    const at::Tensor output = at::linear(attended, out_weight_, out_bias_);
    const at::Tensor mean = weights.view({count, use_.heads, length, length}).mean(1);
    benchmark::DoNotOptimize(mean);
    return use_.along == 2 ? output.transpose(0, 1).reshape(tokens.sizes())
                           : output.view({use_.instances, use_.batch, use_.types, hidden()}).transpose(0, 1);
  }

 private:
  static at::Tensor Normal(at::IntArrayRef sizes) {
    base::RandomStream random("multihead_attention_benchmark", {});
    at::Tensor tensor = at::empty(sizes, at::kFloat);
    float* out = tensor.mutable_data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(random.NextNormal());
    return tensor;
  }

  Use use_;
  MultiheadAttention attention_;
  at::Tensor in_weight_, in_bias_, out_weight_, out_bias_;
};

using Attend = at::Tensor (Layer::*)(const at::Tensor&) const;

void Forward(benchmark::State& state, const Use& use, Attend attend) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const at::NoGradGuard no_grad;
  const Layer layer(use);
  const at::Tensor tokens = layer.Tokens();
  const at::Tensor difference = (layer.Official(tokens) - layer.Ours(tokens)).abs().max();
  GROUPPOSE_CHECK(difference.item<float>() < 1e-3, "the two differ by ", difference.item<float>());
  for (auto _ : state) benchmark::DoNotOptimize((layer.*attend)(tokens));
}

void TrainingStep(benchmark::State& state, const Use& use, Attend attend) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const Layer layer(use);
  at::Tensor tokens = layer.Tokens();
  const at::Tensor gradient = tokens.detach().clone();
  tokens.set_requires_grad(true);
  for (auto _ : state) {
    (layer.*attend)(tokens).backward(gradient);
    tokens.mutable_grad().reset();
  }
}

const bool kRegistered = [] {
  for (const Use& use : kUses) {
    for (const auto& [pass, run] : {std::pair("forward", Forward), std::pair("training_step", TrainingStep)}) {
      for (const auto& [name, attend] : {std::pair<std::string, Attend>("self_attention", &Layer::Ours),
                                         std::pair<std::string, Attend>("official", &Layer::Official)}) {
        const std::string full_name = name + "/" + use.name + "/float32/" + pass;
        benchmark::RegisterBenchmark(full_name.c_str(), run, use, attend)
            ->ArgName("threads")
            ->Arg(1)
            ->Arg(2)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace grouppose::nn
