// The two-stage selection: every memory token is scored, the best N become instances with a first guess of their pose.
#ifndef GROUPPOSE_TRANSFORMER_QUERY_SELECTION_H_
#define GROUPPOSE_TRANSFORMER_QUERY_SELECTION_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "grouppose/nn/linear.h"
#include "grouppose/nn/mlp.h"
#include "grouppose/nn/module.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/transformer/level_geometry.h"
#include "grouppose/transformer/options.h"

namespace grouppose {

// Sorted by falling score.
struct SelectedQueries {
  at::Tensor indices;  // [batch, N] int64, tokens of the memory
  at::Tensor memory;   // [batch, N, hidden]
  at::Tensor logits;   // [batch, N, classes]
  at::Tensor pose;     // [batch, N, K, 2] (x, y) in [0, 1]
};

// Parameters "enc_output.*", "enc_output_norm.*", "enc_out_class_embed.*", "enc_pose_embed.*".
class QuerySelection : public nn::Module {
 public:
  // `class_head`: that of the decoder, where the two are one; null: a head of its own.
  QuerySelection(const TransformerOptions& options, nn::Linear* class_head);

  // The official code runs the pose head on every token and keeps N of the results; here it runs on the N selected
  // tokens. Invalid tokens count as zero memory, can be selected, and then lie at coordinate 1 exactly.
  //   memory [batch, size, hidden]
  SelectedQueries Forward(const at::Tensor& memory, const LevelGeometry& geometry) const;

  // The class logits of every token, [batch, size, classes]; `memory` as Forward takes it.
  at::Tensor ClassLogits(const at::Tensor& memory, const LevelGeometry& geometry) const;

 private:
  at::Tensor Project(const at::Tensor& memory) const;

  TransformerOptions options_;
  nn::Linear* enc_output_;
  nn::LayerNorm* enc_output_norm_;
  nn::Linear* enc_out_class_embed_;
  nn::Mlp* enc_pose_embed_;
};

// A classifier of tokens. Its bias, where the options have one, starts where the sigmoid says 0.01 for every class (Lin
// et al. 2017, "Focal loss", section 4.1).
std::unique_ptr<nn::Linear> MakeClassHead(const TransformerOptions& options);

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_QUERY_SELECTION_H_
