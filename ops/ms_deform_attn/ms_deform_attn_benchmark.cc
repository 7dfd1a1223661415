// Times the operator and, beside it, the same computation composed of torch's operators:
//
//   ./bazelw run //ops/ms_deform_attn:ms_deform_attn_benchmark -- --benchmark_repetitions=9
//       --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
//
// FLOPS counts the multiply-adds of the corners, two each, of the forward pass; a training step does three times that.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "ops/ms_deform_attn/grid_sampler_composition.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"

namespace ops {
namespace {

// A use of the operator in the model. Without `queries` there is one query for each pixel of each level.
struct Use {
  const char* name;
  int64_t batch, heads, channels, queries;
  std::vector<int64_t> shapes;
  double spread;  // standard deviation of the sampling offsets, pixels
  int threads;
};

const std::vector<Use>& Uses() {
  // An 800 x 1066 image in Group Pose, and the 64 x 64 images of the embedded study (one thread a training run).
  static const auto* uses = new std::vector<Use>{
      {"encoder_800x1066", 1, 8, 32, 0, {100, 134, 50, 67, 25, 34, 13, 17}, 2, 2},
      {"decoder_800x1066", 1, 8, 32, 1800, {100, 134, 50, 67, 25, 34, 13, 17}, 3, 2},
      {"encoder_tiny", 8, 4, 16, 0, {16, 16, 8, 8, 4, 4, 2, 2}, 2, 1},
      {"decoder_tiny", 8, 4, 16, 288, {16, 16, 8, 8, 4, 4, 2, 2}, 2, 1},
  };
  return *uses;
}

constexpr int64_t kPoints = 4;

struct Inputs {
  at::Tensor value, spatial_shapes, level_start_index, locations, weights, grad_output;
};

at::Tensor Normal(base::RandomStream* random, at::IntArrayRef sizes) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(random->NextNormal());
  return tensor;
}

// The reference points of one image, (x, y) in [0, 1]: the centres of all pixels, or random ones.
std::vector<std::pair<double, double>> ReferencePoints(const Use& use, base::RandomStream* random) {
  std::vector<std::pair<double, double>> points;
  for (int64_t query = 0; query < use.queries; ++query) {
    const double x = random->NextUniform();
    points.emplace_back(x, random->NextUniform());
  }
  if (!points.empty()) return points;
  for (size_t level = 0; level < use.shapes.size(); level += 2) {
    const int64_t height = use.shapes[level], width = use.shapes[level + 1];
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        points.emplace_back((static_cast<double>(x) + 0.5) / static_cast<double>(width),
                            (static_cast<double>(y) + 0.5) / static_cast<double>(height));
      }
    }
  }
  return points;
}

// Reference point plus offset: 1 to 4 pixels into the head's direction, as the published initial values have it, and
// a normal deviation.
at::Tensor Locations(const Use& use, int64_t queries, base::RandomStream* random) {
  const int64_t levels = static_cast<int64_t>(use.shapes.size()) / 2;
  at::Tensor locations = at::empty({use.batch, queries, use.heads, levels, kPoints, 2}, at::kFloat);
  float* out = locations.mutable_data_ptr<float>();
  for (int64_t image = 0; image < use.batch; ++image) {
    for (const auto& [x, y] : ReferencePoints(use, random)) {
      for (int64_t head = 0; head < use.heads; ++head) {
        const double angle = 6.283185307179586 * static_cast<double>(head) / static_cast<double>(use.heads);
        const double cosine = std::cos(angle), sine = std::sin(angle);
        const double largest = std::max(std::abs(cosine), std::abs(sine));
        for (int64_t level = 0; level < levels; ++level) {
          for (int64_t point = 1; point <= kPoints; ++point) {
            const double dx = cosine / largest * static_cast<double>(point) + use.spread * random->NextNormal();
            const double dy = sine / largest * static_cast<double>(point) + use.spread * random->NextNormal();
            *out++ = static_cast<float>(x + dx / static_cast<double>(use.shapes[2 * level + 1]));
            *out++ = static_cast<float>(y + dy / static_cast<double>(use.shapes[2 * level]));
          }
        }
      }
    }
  }
  return locations;
}

Inputs MakeInputs(const Use& use) {
  base::RandomStream random(use.name, {});
  const int64_t levels = static_cast<int64_t>(use.shapes.size()) / 2;
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t level = 0; level < levels; ++level) {
    starts.push_back(size);
    size += use.shapes[2 * level] * use.shapes[2 * level + 1];
  }
  const int64_t queries = use.queries == 0 ? size : use.queries;
  Inputs inputs;
  inputs.value = Normal(&random, {use.batch, size, use.heads, use.channels});
  inputs.spatial_shapes = at::tensor(use.shapes, at::kLong).view({levels, 2});
  inputs.level_start_index = at::tensor(starts, at::kLong);
  inputs.locations = Locations(use, queries, &random);
  inputs.weights = Normal(&random, {use.batch, queries, use.heads, levels * kPoints})
                       .softmax(-1)
                       .view({use.batch, queries, use.heads, levels, kPoints});
  inputs.grad_output = Normal(&random, {use.batch, queries, use.heads * use.channels});
  return inputs;
}

using Operator = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                const at::Tensor&);

void CountFlops(const Inputs& inputs, benchmark::State* state) {
  const double corners = 4.0 * static_cast<double>(inputs.weights.numel());
  state->counters["FLOPS"] =
      benchmark::Counter(2.0 * corners * static_cast<double>(inputs.value.size(3)),
                         benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void Forward(benchmark::State& state, const Use& use, Operator op) {
  at::set_num_threads(use.threads);
  const Inputs inputs = MakeInputs(use);
  const at::NoGradGuard no_grad;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        op(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights));
  }
  CountFlops(inputs, &state);
}

// Forward and backward through autograd.
void TrainingStep(benchmark::State& state, const Use& use, Operator op) {
  at::set_num_threads(use.threads);
  Inputs inputs = MakeInputs(use);
  at::Tensor* const leaves[] = {&inputs.value, &inputs.locations, &inputs.weights};
  for (at::Tensor* leaf : leaves) leaf->set_requires_grad(true);
  for (auto _ : state) {
    op(inputs.value, inputs.spatial_shapes, inputs.level_start_index, inputs.locations, inputs.weights)
        .backward(inputs.grad_output);
    for (at::Tensor* leaf : leaves) leaf->mutable_grad().reset();
  }
  CountFlops(inputs, &state);
}

// On a machine that does other work too, the least of several times is the one that repeats.
double Least(const std::vector<double>& times) { return *std::min_element(times.begin(), times.end()); }

const bool kRegistered = [] {
  for (const Use& use : Uses()) {
    for (const auto& [name, op] : {std::pair<std::string, Operator>("ms_deform_attn", MsDeformAttn),
                                   std::pair<std::string, Operator>("grid_sampler", GridSamplerComposition)}) {
      for (const auto& [pass, run] : {std::pair("forward", Forward), std::pair("training_step", TrainingStep)}) {
        const std::string full_name = std::string(use.name) + "/" + pass + "/" + name;
        benchmark::RegisterBenchmark(full_name.c_str(), run, use, op)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime()
            ->ComputeStatistics("min", Least);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace ops
