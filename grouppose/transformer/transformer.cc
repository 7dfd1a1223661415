#include "grouppose/transformer/transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include "base/check.h"

namespace grouppose {

Transformer::Transformer(const TransformerOptions& options, ClassHeads* class_heads, PoseHeads* pose_heads)
    : options_(options),
      level_embed_(AddParameter("level_embed", {options.num_levels, options.hidden_dim}, nn::Init::Normal(1))) {
  encoder_ = Add("encoder", std::make_unique<Encoder>(options));
  // without a decoder there is no head to share
  nn::Linear* shared = options.share_selection_class_head && options.decoder_layers > 0 ? &(*class_heads)[0] : nullptr;
  selection_ = Add("", std::make_unique<QuerySelection>(options, shared));
  if (options.decoder_layers == 0) return;
  GROUPPOSE_CHECK(class_heads != nullptr && pose_heads != nullptr, "a decoder needs heads");
  keypoint_embedding_ =
      AddParameter("keypoint_embedding.weight", {options.num_keypoints, options.hidden_dim}, nn::Init::XavierUniform());
  instance_embedding_ = AddParameter("instance_embedding.weight", {1, options.hidden_dim}, nn::Init::XavierUniform());
  decoder_ = Add("decoder", std::make_unique<Decoder>(options, class_heads, pose_heads));
}

std::shared_ptr<const LevelGeometry> Transformer::Geometry(const std::vector<at::Tensor>& levels,
                                                           const std::vector<at::Tensor>& masks) {
  LevelSizes sizes;
  for (const at::Tensor& level : levels) sizes.emplace_back(level.size(2), level.size(3));
  const at::TensorOptions options = levels[0].options();
  if (!masks.empty()) {
    return std::make_shared<LevelGeometry>(
        MakeLevelGeometry(sizes, masks, options_.hidden_dim, options_.position_temperature, options));
  }
  if (unpadded_ == nullptr || unpadded_->sizes != sizes || unpadded_->positions.device() != levels[0].device()) {
    unpadded_ = std::make_shared<LevelGeometry>(
        MakeLevelGeometry(sizes, {}, options_.hidden_dim, options_.position_temperature, options));
  }
  return unpadded_;
}

Memory Transformer::Encode(const std::vector<at::Tensor>& levels, const std::vector<at::Tensor>& masks) {
  GROUPPOSE_CHECK(static_cast<int64_t>(levels.size()) == options_.num_levels, levels.size(), " levels for a model of ",
                  options_.num_levels);
  Memory memory;
  memory.geometry = Geometry(levels, masks);
  std::vector<at::Tensor> flat;
  for (const at::Tensor& level : levels) flat.push_back(level.flatten(2).transpose(1, 2));
  const at::Tensor position =
      memory.geometry->positions + level_embed_.index_select(0, memory.geometry->level_of_token);
  memory.tokens = encoder_->Forward(at::cat(flat, 1), position, *memory.geometry);
  return memory;
}

SelectedQueries Transformer::Select(const Memory& memory) const {
  return selection_->Forward(memory.tokens, *memory.geometry);
}

at::Tensor Transformer::QueryTokens(const SelectedQueries& selected) const {
  const at::Tensor content = selected.memory.detach().unsqueeze(2);
  if (options_.instance_query == InstanceQuery::kEmbeddingPlusMemory) {
    return content + at::cat({instance_embedding_, keypoint_embedding_}, 0);
  }
  const at::Tensor keypoints = content + keypoint_embedding_;
  const at::Tensor instances = instance_embedding_.expand({keypoints.size(0), keypoints.size(1), 1, -1});
  return at::cat({instances, keypoints}, 2);
}

DecoderOutputs Transformer::Decode(const Memory& memory, const SelectedQueries& selected) const {
  GROUPPOSE_CHECK(decoder_ != nullptr, "this model has no decoder");
  return decoder_->Forward(QueryTokens(selected), WithCentre(selected.pose.detach()), memory.tokens, *memory.geometry);
}

}  // namespace grouppose
