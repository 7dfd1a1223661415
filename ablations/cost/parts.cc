#include "ablations/cost/parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd.h>

#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/transformer/decoder.h"

namespace grouppose::cost {
namespace {

at::Tensor Normal(const char* name, at::IntArrayRef sizes) {
  base::RandomStream random(name, {});
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(random.NextNormal());
  return tensor;
}

at::Tensor Leaf(at::Tensor tensor) {
  tensor.set_requires_grad(true);
  return tensor;
}

// Gives the part a module and starts its parameters.
template <typename M>
M* Own(std::unique_ptr<M> module, Part* part) {
  M* raw = module.get();
  nn::Initialise(*raw, 1);
  part->modules.push_back(std::move(module));
  return raw;
}

void MakeAttentionBlock(const TransformerOptions& options, const DecoderInputs& inputs, Part* part) {
  const auto factory = FindAttentionScheme(options.attention_scheme);
  GROUPPOSE_CHECK(factory.ok(), factory.status().ToString());
  AttentionScheme* scheme = Own((*factory)({options.hidden_dim, options.num_heads, options.dropout}), part);
  part->parameters = scheme->Parameters();
  part->inputs = {inputs.tokens};
  part->forward = [scheme, &inputs] { return std::vector<at::Tensor>{scheme->Forward(inputs.tokens)}; };
}

void MakeDecoderLayer(const TransformerOptions& options, const DecoderInputs& inputs, Part* part) {
  const DecoderLayer* layer = Own(std::make_unique<DecoderLayer>(options), part);
  part->parameters = layer->Parameters();
  part->inputs = {inputs.tokens, inputs.memory};
  part->forward = [layer, &inputs] {
    const at::Tensor points = inputs.reference_points.flatten(1, 2).unsqueeze(2);
    return std::vector<at::Tensor>{layer->Forward(inputs.tokens, inputs.position, points, inputs.memory,
                                                  inputs.geometry.spatial_shapes, inputs.geometry.level_start_index,
                                                  inputs.geometry.padding_mask)};
  };
}

void MakeDecoder(const TransformerOptions& options, const DecoderInputs& inputs, Part* part) {
  ClassHeads* class_heads = Own(std::make_unique<ClassHeads>(), part);
  PoseHeads* pose_heads = Own(std::make_unique<PoseHeads>(), part);
  for (int64_t i = 0; i < options.decoder_layers; ++i) {
    class_heads->Append(std::make_unique<nn::Linear>(options.hidden_dim, options.num_classes));
    pose_heads->Append(std::make_unique<nn::Mlp>(nn::MlpOptions{options.hidden_dim, options.hidden_dim, 2, 3}));
  }
  const Decoder* decoder = Own(std::make_unique<Decoder>(options, class_heads, pose_heads), part);
  for (const nn::NamedTensor& named : decoder->Parameters()) {
    if (named.name.rfind("class_embed.", 0) != 0 && named.name.rfind("pose_embed.", 0) != 0) {
      part->parameters.push_back(named);
    }
  }
  part->inputs = {inputs.tokens, inputs.memory};
  part->forward = [decoder, &inputs] {
    DecoderOutputs outputs = decoder->Forward(inputs.tokens, inputs.reference_points, inputs.memory, inputs.geometry);
    // every layer has losses; the points that the first layer starts from are an input
    std::vector<at::Tensor> all = std::move(outputs.tokens);
    all.insert(all.end(), outputs.reference_points.begin() + 1, outputs.reference_points.end());
    return all;
  };
}

}  // namespace

DecoderInputs MakeDecoderInputs(const TransformerOptions& options, int64_t batch, const LevelSizes& levels) {
  const int64_t types = options.num_keypoints + 1;
  int64_t size = 0;
  for (const auto& [height, width] : levels) size += height * width;
  DecoderInputs inputs;
  inputs.tokens = Leaf(Normal("tokens", {batch, options.num_queries, types, options.hidden_dim}));
  inputs.position = Normal("position", inputs.tokens.sizes());
  inputs.position.select(2, 0).zero_();
  inputs.reference_points = Normal("points", {batch, options.num_queries, types, 2}).sigmoid();
  inputs.memory = Leaf(Normal("memory", {batch, size, options.hidden_dim}));
  inputs.geometry =
      MakeLevelGeometry(levels, {}, options.hidden_dim, options.position_temperature, inputs.position.options());
  return inputs;
}

Part MakePart(PartKind kind, const TransformerOptions& options, const DecoderInputs& inputs) {
  Part part;
  switch (kind) {
    case PartKind::kAttentionBlock:
      MakeAttentionBlock(options, inputs, &part);
      break;
    case PartKind::kDecoderLayer:
      MakeDecoderLayer(options, inputs, &part);
      break;
    case PartKind::kDecoder:
      MakeDecoder(options, inputs, &part);
      break;
  }
  for (const at::Tensor& output : part.forward()) part.gradients.push_back(Normal("gradient", output.sizes()));
  return part;
}

void Part::ForgetGradients() {
  for (const std::unique_ptr<nn::Module>& module : modules) {
    for (const nn::NamedTensor& named : module->Parameters()) named.tensor.mutable_grad().reset();
  }
  for (const at::Tensor& input : inputs) input.mutable_grad().reset();
}

void Part::Backward(const std::vector<at::Tensor>& outputs) const { torch::autograd::backward(outputs, gradients); }

}  // namespace grouppose::cost
