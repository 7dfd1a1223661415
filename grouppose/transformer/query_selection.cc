#include "grouppose/transformer/query_selection.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/topk.h>

#include <cmath>
#include <memory>
#include <optional>

#include "base/check.h"

namespace grouppose {
namespace {

// Rows `indices` [batch, N] of `rows` [1 or batch, size, channels] -> [batch, N, channels].
at::Tensor SelectRows(const at::Tensor& rows, const at::Tensor& indices) {
  const int64_t batch = indices.size(0), size = rows.size(1), channels = rows.size(2);
  at::Tensor flat = indices;
  if (rows.size(0) > 1) flat = flat + (at::arange(batch, indices.options()) * size).unsqueeze(1);
  return rows.reshape({-1, channels}).index_select(0, flat.flatten()).view({batch, indices.size(1), channels});
}

at::Tensor ZeroInvalid(const at::Tensor& memory, const LevelGeometry& geometry) {
  return geometry.any_invalid ? memory.masked_fill(geometry.proposals.invalid.unsqueeze(-1), 0) : memory;
}

}  // namespace

std::unique_ptr<nn::Linear> MakeClassHead(const TransformerOptions& options) {
  constexpr double kPrior = 0.01;
  std::optional<nn::Init> bias;
  if (options.class_head_bias) bias = nn::Init::Constant(-std::log((1 - kPrior) / kPrior));
  return std::make_unique<nn::Linear>(options.hidden_dim, options.num_classes, nn::UniformByFanIn(options.hidden_dim),
                                      bias);
}

QuerySelection::QuerySelection(const TransformerOptions& options, nn::Linear* class_head)
    : options_(options),
      enc_output_(Add("enc_output",
                      std::make_unique<nn::Linear>(options.hidden_dim, options.hidden_dim, nn::Init::XavierUniform(),
                                                   nn::UniformByFanIn(options.hidden_dim)))),
      enc_output_norm_(Add("enc_output_norm", std::make_unique<nn::LayerNorm>(options.hidden_dim))),
      enc_out_class_embed_(class_head) {
  if (class_head == nullptr) {
    enc_out_class_embed_ = Add("enc_out_class_embed", MakeClassHead(options));
  } else {
    AddAlias("enc_out_class_embed", class_head);
  }
  nn::MlpOptions pose;
  pose.in = options.hidden_dim;
  pose.hidden = 2 * options.hidden_dim;
  pose.out = 2 * options.num_keypoints;
  pose.num_layers = 4;
  pose.zero_last = true;
  enc_pose_embed_ = Add("enc_pose_embed", std::make_unique<nn::Mlp>(pose));
}

at::Tensor QuerySelection::Project(const at::Tensor& memory) const {
  return enc_output_norm_->Forward(enc_output_->Forward(memory));
}

at::Tensor QuerySelection::ClassLogits(const at::Tensor& memory, const LevelGeometry& geometry) const {
  return enc_out_class_embed_->Forward(Project(ZeroInvalid(memory, geometry)));
}

SelectedQueries QuerySelection::Forward(const at::Tensor& memory, const LevelGeometry& geometry) const {
  GROUPPOSE_CHECK(memory.size(1) >= options_.num_queries, options_.num_queries, " queries cannot be chosen among ",
                  memory.size(1), " tokens");
  SelectedQueries selected;
  {
    // the choice itself has no derivative
    const at::NoGradGuard no_grad;
    const at::Tensor scores = at::amax(ClassLogits(memory, geometry), -1);
    selected.indices = std::get<1>(at::topk(scores, options_.num_queries, 1));
  }
  const at::Tensor rows = ZeroInvalid(memory, geometry);
  selected.memory = Project(SelectRows(rows, selected.indices));
  selected.logits = enc_out_class_embed_->Forward(selected.memory);
  const at::Tensor centres = SelectRows(geometry.proposals.logits, selected.indices).narrow(-1, 0, 2);
  const at::Tensor offsets = enc_pose_embed_->Forward(selected.memory).unflatten(-1, {-1, 2});
  selected.pose = (offsets + centres.unsqueeze(2)).sigmoid();
  return selected;
}

}  // namespace grouppose
