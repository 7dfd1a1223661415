// The parts of a decoder whose cost is measured, each ready to run: a module with a scheme, and inputs for it.
#ifndef ABLATIONS_COST_PARTS_H_
#define ABLATIONS_COST_PARTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grouppose/nn/module.h"
#include "grouppose/transformer/level_geometry.h"
#include "grouppose/transformer/options.h"

namespace grouppose::cost {

enum class PartKind { kAttentionBlock, kDecoderLayer, kDecoder };

// What a decoder reads: the same tensors for all schemes. `tokens` and `memory` collect gradients.
struct DecoderInputs {
  at::Tensor tokens;            // [batch, N, K+1, hidden]
  at::Tensor position;          // the same; zero for the instance tokens
  at::Tensor reference_points;  // [batch, N, K+1, 2] in (0, 1)
  at::Tensor memory;            // [batch, size, hidden]
  LevelGeometry geometry;
};

// Random values, the same every time. `levels` are the sizes of the feature levels.
DecoderInputs MakeDecoderInputs(const TransformerOptions& options, int64_t batch, const LevelSizes& levels);

struct Part {
  // Attention blocks are modules of their own; heads that refine poses hang beside the decoder.
  std::vector<std::unique_ptr<nn::Module>> modules;
  // The parameters that are this part's own: without the heads, which belong to the model.
  std::vector<nn::NamedTensor> parameters;
  std::vector<at::Tensor> inputs;                    // that collect gradients
  std::function<std::vector<at::Tensor>()> forward;  // what losses would look at
  std::vector<at::Tensor> gradients;                 // one an output

  // Throws away the gradients of parameters and inputs.
  void ForgetGradients();
  void Backward(const std::vector<at::Tensor>& outputs) const;
};

// options.attention_scheme names the scheme. `inputs` must outlive the part.
Part MakePart(PartKind kind, const TransformerOptions& options, const DecoderInputs& inputs);

}  // namespace grouppose::cost

#endif  // ABLATIONS_COST_PARTS_H_
