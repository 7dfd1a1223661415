// The transformer of Group Pose: encoder, two-stage selection of instances, decoder.
#ifndef GROUPPOSE_TRANSFORMER_TRANSFORMER_H_
#define GROUPPOSE_TRANSFORMER_TRANSFORMER_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "grouppose/nn/module.h"
#include "grouppose/transformer/decoder.h"
#include "grouppose/transformer/encoder.h"
#include "grouppose/transformer/level_geometry.h"
#include "grouppose/transformer/options.h"
#include "grouppose/transformer/query_selection.h"

namespace grouppose {

// The flattened feature levels after the encoder.
struct Memory {
  at::Tensor tokens;  // [batch, size, hidden]
  std::shared_ptr<const LevelGeometry> geometry;
};

// Parameters "level_embed", "encoder.*", those of QuerySelection, and with a decoder "decoder.*",
// "keypoint_embedding.weight" [K, hidden], "instance_embedding.weight" [1, hidden].
class Transformer : public nn::Module {
 public:
  // The heads stay with the model; without decoder layers both may be null.
  Transformer(const TransformerOptions& options, ClassHeads* class_heads, PoseHeads* pose_heads);

  // The three stages of a forward pass.
  //   levels   one [batch, hidden, height, width] a level, finest first
  //   masks    one [batch, height, width] bool a level, true on padding; empty where nothing is padded
  Memory Encode(const std::vector<at::Tensor>& levels, const std::vector<at::Tensor>& masks);
  SelectedQueries Select(const Memory& memory) const;
  DecoderOutputs Decode(const Memory& memory, const SelectedQueries& selected) const;

  // The decoder's first tokens, [batch, N, K+1, hidden].
  at::Tensor QueryTokens(const SelectedQueries& selected) const;

  const QuerySelection& selection() const { return *selection_; }
  // Null without decoder layers.
  const Decoder* decoder() const { return decoder_; }

 private:
  std::shared_ptr<const LevelGeometry> Geometry(const std::vector<at::Tensor>& levels,
                                                const std::vector<at::Tensor>& masks);

  TransformerOptions options_;
  at::Tensor level_embed_, keypoint_embedding_, instance_embedding_;
  Encoder* encoder_;
  QuerySelection* selection_;
  Decoder* decoder_ = nullptr;
  // The geometry of the last batch without padding: training on images of one size computes it once.
  std::shared_ptr<const LevelGeometry> unpadded_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_TRANSFORMER_TRANSFORMER_H_
