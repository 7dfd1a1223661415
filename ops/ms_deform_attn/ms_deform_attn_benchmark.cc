// Times both entries beside the same computation composed of torch's operators (the official code without its kernel):
//
//   ./bazelw run //ops/ms_deform_attn:ms_deform_attn_benchmark -- --benchmark_filter='encoder_800x1066/trained'
//       --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
// A name is IMPLEMENTATION/USE/LOCATIONS/TYPE/DIRECTION/threads:N. Where the points lie, relative to the reference
// points (the centres of all pixels for an encoder, uniformly random ones for a decoder):
//   initial   1 to 4 pixels in the direction of the head, as the published initial values have it
//   trained   the same and a normal deviation of 2 (encoder) or 3 pixels (decoder), about what training makes of it
//   uniform   anywhere in the level: the worst that a cache can meet
//
// Counters of a call: FLOP (multiply-adds of channels and corners, two each: a forward pass has one for each, a
// backward pass two), bytes (inputs read and results written once); their rates; the shares of what this machine
// reaches at most, measured when the program starts (ops/testing/machine_peaks.h). `roofline` is the larger share.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "ops/cpu_target/cpu_target.h"
#include "ops/ms_deform_attn/grid_sampler_composition.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"
#include "ops/testing/benchmark_outputs.h"
#include "ops/testing/benchmark_work.h"
#include "ops/testing/machine_peaks.h"

namespace ops {
namespace {

using at::Tensor;

// A use of the operator in the model. Without `queries` there is one query for each pixel of each level.
struct Use {
  const char* name;
  int64_t batch, heads, channels, queries;
  std::vector<int64_t> shapes;
  double spread;  // standard deviation of trained offsets, pixels
  int threads;

  int64_t levels() const { return static_cast<int64_t>(shapes.size()) / 2; }
};

const std::vector<Use>& Uses() {
  // An 800 x 1066 image in Group Pose, and the 64 x 64 images of the embedded study (one thread a training run).
  static const auto* uses = new std::vector<Use>{
      {"encoder_800x1066", 1, 8, 32, 0, {100, 134, 50, 67, 25, 34, 13, 17}, 2, 2},
      {"decoder_800x1066", 1, 8, 32, 1800, {100, 134, 50, 67, 25, 34, 13, 17}, 3, 2},
      {"encoder_study", 8, 4, 16, 0, {16, 16, 8, 8, 4, 4, 2, 2}, 2, 1},
      {"decoder_study", 8, 4, 16, 288, {16, 16, 8, 8, 4, 4, 2, 2}, 2, 1},
  };
  return *uses;
}

constexpr int64_t kPoints = 4;

enum class Where { kInitial, kTrained, kUniform };
constexpr const char* kWhereNames[] = {"initial", "trained", "uniform"};

struct Inputs {
  Tensor value, spatial_shapes, level_start_index, grad_output;
  // of the plain entry, and of the fused one
  Tensor locations, weights, reference_points, offsets, logits;
};

Tensor Normal(base::RandomStream* random, at::IntArrayRef sizes) {
  Tensor tensor = at::empty(sizes, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(random->NextNormal());
  return tensor;
}

// [1, queries, 1, 2]: the centres of all pixels, or random points.
Tensor ReferencePoints(const Use& use, base::RandomStream* random) {
  std::vector<double> points;
  for (int64_t i = 0; i < 2 * use.queries; ++i) points.push_back(random->NextUniform());
  for (size_t level = 0; use.queries == 0 && level < use.shapes.size(); level += 2) {
    const int64_t height = use.shapes[level], width = use.shapes[level + 1];
    for (int64_t pixel = 0; pixel < height * width; ++pixel) {
      points.push_back((static_cast<double>(pixel % width) + 0.5) / static_cast<double>(width));
      points.push_back((static_cast<double>(pixel / width) + 0.5) / static_cast<double>(height));
    }
  }
  return at::tensor(points).view({1, -1, 1, 2}).to(at::kFloat);
}

// Offsets in pixels, [batch, queries, heads, levels, points, 2].
Tensor Offsets(const Use& use, Where where, int64_t queries, base::RandomStream* random) {
  Tensor offsets = Normal(random, {use.batch, queries, use.heads, use.levels(), kPoints, 2});
  offsets.mul_(where == Where::kTrained ? use.spread : 0);
  for (int64_t head = 0; head < use.heads; ++head) {
    const double angle = 6.283185307179586 * static_cast<double>(head) / static_cast<double>(use.heads);
    const double x = std::cos(angle), y = std::sin(angle), largest = std::max(std::abs(x), std::abs(y));
    for (int64_t point = 0; point < kPoints; ++point) {
      const Tensor of_point = offsets.select(2, head).select(3, point);
      const double reach = static_cast<double>(point + 1) / largest;
      of_point.select(3, 0).add_(x * reach);
      of_point.select(3, 1).add_(y * reach);
    }
  }
  return offsets;
}

Inputs MakeInputs(const Use& use, Where where) {
  base::RandomStream random(use.name, {});
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t level = 0; level < use.levels(); ++level) {
    starts.push_back(size);
    size += use.shapes[2 * level] * use.shapes[2 * level + 1];
  }
  const int64_t queries = use.queries == 0 ? size : use.queries;
  Inputs inputs;
  inputs.value = Normal(&random, {use.batch, size, use.heads, use.channels});
  inputs.spatial_shapes = at::tensor(use.shapes, at::kLong).view({-1, 2});
  inputs.level_start_index = at::tensor(starts, at::kLong);
  inputs.grad_output = Normal(&random, {use.batch, queries, use.heads * use.channels});
  inputs.logits = Normal(&random, {use.batch, queries, use.heads, use.levels() * kPoints});
  inputs.weights = at::softmax(inputs.logits, -1).view({use.batch, queries, use.heads, use.levels(), kPoints});
  inputs.reference_points = ReferencePoints(use, &random).expand({1, queries, use.levels(), 2}).contiguous();
  inputs.offsets = Offsets(use, where, queries, &random);
  const Tensor pixels = inputs.spatial_shapes.flip(1).to(at::kFloat).view({1, 1, 1, -1, 1, 2});
  const Tensor reference = inputs.reference_points.unsqueeze(2).unsqueeze(4);
  inputs.locations = reference + inputs.offsets / pixels;
  if (where == Where::kUniform) {
    float* out = inputs.locations.mutable_data_ptr<float>();
    for (int64_t i = 0; i < inputs.locations.numel(); ++i) out[i] = static_cast<float>(random.NextUniform());
    inputs.offsets = (inputs.locations - reference) * pixels;
  }
  return inputs;
}

// The inputs in `type`; with 16 bits everything but the values stays in float.
const Inputs& InputsOf(const Use& use, Where where, at::ScalarType type) {
  static auto& made = *new std::map<std::string, Inputs>;
  const std::string name = std::string(use.name) + kWhereNames[static_cast<int>(where)];
  if (made.count(name) == 0) made[name] = MakeInputs(use, where);
  const std::string typed = name + c10::toString(type);
  if (made.count(typed) == 0) {
    Inputs inputs = made[name];
    const bool is_double = type == at::kDouble;
    for (Tensor Inputs::*member : {&Inputs::value, &Inputs::grad_output}) inputs.*member = (inputs.*member).to(type);
    for (Tensor Inputs::*member :
         {&Inputs::locations, &Inputs::weights, &Inputs::reference_points, &Inputs::offsets, &Inputs::logits}) {
      if (is_double) inputs.*member = (inputs.*member).to(type);
    }
    made[typed] = inputs;
  }
  return made[typed];
}

Tensor Plain(const Inputs& in) {
  return MsDeformAttn(in.value, in.spatial_shapes, in.level_start_index, in.locations, in.weights);
}
Tensor PlainComposition(const Inputs& in) {
  return GridSamplerComposition(in.value, in.spatial_shapes, in.level_start_index, in.locations, in.weights);
}
Tensor Fused(const Inputs& in) {
  return MsDeformAttnFused(in.value, in.spatial_shapes, in.level_start_index, in.reference_points, in.offsets,
                           in.logits);
}
Tensor FusedComposition(const Inputs& in) {
  const Tensor pixels = in.spatial_shapes.flip(1).view({1, 1, 1, -1, 1, 2});
  return GridSamplerComposition(in.value, in.spatial_shapes, in.level_start_index,
                                in.reference_points.unsqueeze(2).unsqueeze(4) + in.offsets / pixels,
                                at::softmax(in.logits, -1).view(in.offsets.sizes().slice(0, 5)));
}

struct Implementation {
  const char* name;
  Tensor (*run)(const Inputs& inputs);
  bool is_fused, is_baseline;
};
constexpr Implementation kImplementations[] = {{"ms_deform_attn", Plain, false, false},
                                               {"grid_sampler", PlainComposition, false, true},
                                               {"ms_deform_attn_fused", Fused, true, false},
                                               {"grid_sampler_fused", FusedComposition, true, true}};

enum class Direction { kForward, kBackward };

void Count(const Implementation& implementation, const Inputs& in, Direction direction, const Use& use,
           benchmark::State* state) {
  const double corners = 4.0 * static_cast<double>(in.weights.numel() * use.channels);
  double bytes =
      static_cast<double>(in.value.nbytes() + in.grad_output.nbytes() + in.weights.nbytes() + in.locations.nbytes() +
                          (implementation.is_fused ? in.reference_points.nbytes() : 0));
  double flop = 2 * corners;
  if (direction == Direction::kBackward) {
    // all but the output's gradient are read, and their gradients written
    flop *= 2;
    bytes += static_cast<double>(in.value.nbytes() + in.weights.nbytes() + in.locations.nbytes());
  }
  testing::CountWork(flop, bytes, use.threads, state);
}

void Forward(benchmark::State& state, const Implementation& implementation, const Use& use, Where where,
             at::ScalarType type) {
  at::set_num_threads(use.threads);
  const Inputs& inputs = InputsOf(use, where, type);
  const at::NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(implementation.run(inputs));
  Count(implementation, inputs, Direction::kForward, use, &state);
  testing::CountOutputs({implementation.run(inputs)}, &state);
}

// Through autograd, on the graph of one forward pass; the reference points are constants, as in the model.
void Backward(benchmark::State& state, const Implementation& implementation, const Use& use, Where where,
              at::ScalarType type) {
  at::set_num_threads(use.threads);
  Inputs inputs = InputsOf(use, where, type);
  std::vector<Tensor> leaves;
  for (Tensor Inputs::*member :
       implementation.is_fused ? std::vector<Tensor Inputs::*>{&Inputs::value, &Inputs::offsets, &Inputs::logits}
                               : std::vector<Tensor Inputs::*>{&Inputs::value, &Inputs::locations, &Inputs::weights}) {
    inputs.*member = (inputs.*member).detach().set_requires_grad(true);
    leaves.push_back(inputs.*member);
  }
  const Tensor output = implementation.run(inputs);
  std::vector<Tensor> gradients;
  const auto run = [&] {
    for (const Tensor& leaf : leaves) leaf.mutable_grad().reset();
    output.backward(inputs.grad_output, /*retain_graph=*/true);
  };
  for (auto _ : state) run();
  run();
  for (const Tensor& leaf : leaves) gradients.push_back(leaf.grad());
  Count(implementation, inputs, Direction::kBackward, use, &state);
  testing::CountOutputs(gradients, &state);
}

// On a machine that does other work too, the least of several times is the one that repeats.
double Least(const std::vector<double>& times) { return *std::min_element(times.begin(), times.end()); }

void Register(const Implementation& implementation, const Use& use, Where where, at::ScalarType type,
              const char* type_name) {
  for (const auto& [direction, run] : {std::pair("forward", Forward), std::pair("backward", Backward)}) {
    const std::string name = std::string(implementation.name) + "/" + use.name + "/" +
                             kWhereNames[static_cast<int>(where)] + "/" + type_name + "/" + direction +
                             "/threads:" + std::to_string(use.threads);
    benchmark::RegisterBenchmark(name.c_str(), run, implementation, use, where, type)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime()
        ->ComputeStatistics("min", Least);
  }
}

const bool kRegistered = [] {
  for (const Use& use : Uses()) {
    for (const Implementation& implementation : kImplementations) {
      Register(implementation, use, Where::kTrained, at::kFloat, "float32");
      Register(implementation, use, Where::kInitial, at::kFloat, "float32");
      Register(implementation, use, Where::kUniform, at::kFloat, "float32");
      Register(implementation, use, Where::kTrained, at::kDouble, "float64");
      if (implementation.is_baseline) continue;
      Register(implementation, use, Where::kTrained, at::kBFloat16, "bfloat16");
      Register(implementation, use, Where::kTrained, at::kHalf, "float16");
    }
  }
  for (int threads : {1, 2}) {
    const testing::MachinePeaks& peaks = testing::MeasuredMachinePeaks(threads);
    benchmark::AddCustomContext("peaks_threads_" + std::to_string(threads),
                                std::to_string(peaks.flops_per_second / 1e9) + " GFLOP/s, copy " +
                                    std::to_string(peaks.bytes_per_second / 1e9) + " GB/s, " +
                                    CpuTargetName(CurrentCpuTarget()));
  }
  return true;
}();

}  // namespace
}  // namespace ops
