// One training step of the tiny model (64 x 64 pixels, batch 8, 340 tokens, hidden size 64) without loss and optimiser,
// on one thread as the cells of a study train, and its stages.
//
//   ./bazelw run //grouppose/model:tiny_step_benchmark
//
// "Step" is forward and backward of everything; the stages are forward and backward of one stage with everything before
// it held fixed, so that they nearly add up to the step.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "grouppose/model/group_pose.h"

namespace grouppose {
namespace {

constexpr int64_t kBatch = 8, kImageSize = 64;

GroupPoseOptions TinyOptions(const std::string& scheme) {
  GroupPoseOptions options;
  options.backbone = SmallResNetOptions{};
  options.transformer.hidden_dim = 64;
  options.transformer.num_heads = 4;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  options.transformer.feedforward_dim = 128;
  options.transformer.num_queries = 16;
  options.transformer.attention_scheme = scheme;
  return options;
}

// Random values from the addressed generator, with no test data behind them.
struct Pixels : nn::Module {
  Pixels() : images(AddBuffer("images", {kBatch, 3, kImageSize, kImageSize}, nn::Init::Normal(1))) {
    nn::Initialise(*this, 1);
  }
  at::Tensor images;
};

struct Setup {
  explicit Setup(const std::string& scheme) : model(TinyOptions(scheme)) {
    at::set_num_threads(1);
    nn::Initialise(model, 1);
  }
  Pixels pixels;
  GroupPose model;
};

// The same tensors cut off from what made them, collecting gradients of their own.
at::Tensor Leaf(const at::Tensor& tensor) {
  at::Tensor leaf = tensor.detach();
  leaf.set_requires_grad(true);
  return leaf;
}

std::vector<at::Tensor> Leaves(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& tensor : tensors) leaves.push_back(Leaf(tensor));
  return leaves;
}

void Backward(const std::vector<at::Tensor>& outputs) {
  at::Tensor total = outputs[0].sum();
  for (size_t i = 1; i < outputs.size(); ++i) total = total + outputs[i].sum();
  total.backward();
}

std::vector<at::Tensor> All(const ModelOutputs& outputs) {
  std::vector<at::Tensor> all = {outputs.intermediate.logits, outputs.intermediate.keypoints, outputs.final.logits,
                                 outputs.final.keypoints};
  for (const PosePrediction& prediction : outputs.auxiliary) {
    all.insert(all.end(), {prediction.logits, prediction.keypoints});
  }
  return all;
}

void Step(benchmark::State& state, const std::string& scheme) {
  Setup setup(scheme);
  for (auto _ : state) Backward(All(setup.model.Forward(setup.pixels.images, {})));
}

void Forward(benchmark::State& state, const std::string& scheme) {
  const at::NoGradGuard no_grad;
  Setup setup(scheme);
  for (auto _ : state) benchmark::DoNotOptimize(setup.model.Forward(setup.pixels.images, {}));
}

void BackboneStage(benchmark::State& state) {
  Setup setup("GROUP");
  for (auto _ : state) Backward(setup.model.Features(setup.pixels.images));
}

void ProjectStage(benchmark::State& state) {
  Setup setup("GROUP");
  const std::vector<at::Tensor> features = Leaves(setup.model.Features(setup.pixels.images));
  for (auto _ : state) Backward(setup.model.Project(features));
}

void EncodeStage(benchmark::State& state) {
  Setup setup("GROUP");
  const std::vector<at::Tensor> levels = Leaves(setup.model.Project(setup.model.Features(setup.pixels.images)));
  for (auto _ : state) Backward({setup.model.transformer().Encode(levels, {}).tokens});
}

Memory FixedMemory(Setup* setup) {
  const std::vector<at::Tensor> levels = setup->model.Project(setup->model.Features(setup->pixels.images));
  Memory memory = setup->model.transformer().Encode(levels, {});
  memory.tokens = Leaf(memory.tokens);
  return memory;
}

void SelectStage(benchmark::State& state) {
  Setup setup("GROUP");
  const Memory memory = FixedMemory(&setup);
  for (auto _ : state) {
    const SelectedQueries selected = setup.model.transformer().Select(memory);
    Backward({selected.logits, selected.pose});
  }
}

void DecodeStage(benchmark::State& state, const std::string& scheme) {
  Setup setup(scheme);
  const Memory memory = FixedMemory(&setup);
  const SelectedQueries selected = setup.model.transformer().Select(memory);
  for (auto _ : state) {
    const DecoderOutputs decoded = setup.model.transformer().Decode(memory, selected);
    std::vector<at::Tensor> outputs;
    for (int64_t i = 0; i < 2; ++i) {
      const PosePrediction prediction = setup.model.Predict(decoded, i);
      outputs.insert(outputs.end(), {prediction.logits, prediction.keypoints});
    }
    Backward(outputs);
  }
}

BENCHMARK_CAPTURE(Step, FULL, "FULL")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Step, GROUP, "GROUP")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Forward, FULL, "FULL")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Forward, GROUP, "GROUP")->Unit(benchmark::kMillisecond);
BENCHMARK(BackboneStage)->Unit(benchmark::kMillisecond);
BENCHMARK(ProjectStage)->Unit(benchmark::kMillisecond);
BENCHMARK(EncodeStage)->Unit(benchmark::kMillisecond);
BENCHMARK(SelectStage)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(DecodeStage, FULL, "FULL")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(DecodeStage, GROUP, "GROUP")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace grouppose
