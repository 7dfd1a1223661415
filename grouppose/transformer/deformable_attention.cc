#include "grouppose/transformer/deformable_attention.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/check.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"

namespace grouppose {
namespace {

using nn::Init;

// Head h starts looking in direction 2 pi h / heads, point p at p % 4 + 1 pixels (in the larger of |x| and |y|). With a
// number of points that is no multiple of 4 the official code starts at zero.
Init DirectionsOfHeads(const DeformableAttentionOptions& options) {
  if (options.num_points % 4 != 0) return Init::Zero();
  return Init::Function([options](int64_t index) {
    const int64_t axis = index % 2, point = index / 2 % options.num_points;
    const int64_t head = index / (2 * options.num_points * options.num_levels);
    const double angle = 6.283185307179586 * static_cast<double>(head) / static_cast<double>(options.num_heads);
    const double x = std::cos(angle), y = std::sin(angle);
    return (axis == 0 ? x : y) / std::max(std::abs(x), std::abs(y)) * static_cast<double>(point % 4 + 1);
  });
}

}  // namespace

DeformableAttention::DeformableAttention(const DeformableAttentionOptions& options) : options_(options) {
  GROUPPOSE_CHECK(options.num_heads > 0 && options.hidden_dim % options.num_heads == 0, "hidden size ",
                  options.hidden_dim, " does not divide into ", options.num_heads, " heads");
  const int64_t hidden = options.hidden_dim, samples = options.num_heads * options.num_levels * options.num_points;
  sampling_offsets_ = Add("sampling_offsets",
                          std::make_unique<nn::Linear>(hidden, samples * 2, Init::Zero(), DirectionsOfHeads(options)));
  attention_weights_ =
      Add("attention_weights", std::make_unique<nn::Linear>(hidden, samples, Init::Zero(), Init::Zero()));
  value_proj_ = Add("value_proj", std::make_unique<nn::Linear>(hidden, hidden, Init::XavierUniform(), Init::Zero()));
  output_proj_ = Add("output_proj", std::make_unique<nn::Linear>(hidden, hidden, Init::XavierUniform(), Init::Zero()));
}

at::Tensor DeformableAttention::Forward(const at::Tensor& query, const at::Tensor& reference_points,
                                        const at::Tensor& memory, const at::Tensor& spatial_shapes,
                                        const at::Tensor& level_start_index, const at::Tensor& padding_mask) const {
  const int64_t batch = query.size(0), queries = query.size(1);
  const int64_t heads = options_.num_heads, levels = options_.num_levels, points = options_.num_points;
  at::Tensor reference = reference_points;
  if (reference.size(-1) > 4) {
    // [batch, instances, levels, 2T] -> [batch, instances * T, levels, 2]
    reference = reference.unflatten(-1, {-1, 2}).transpose(2, 3).flatten(1, 2);
  }
  GROUPPOSE_CHECK(reference.dim() == 4 && reference.size(1) == queries &&
                      (reference.size(2) == 1 || reference.size(2) == levels) &&
                      (reference.size(3) == 2 || reference.size(3) == 4),
                  "reference points ", reference_points.sizes(), " for queries ", query.sizes(), " and ", levels,
                  " levels, expected them to end in 2, 4 or 2T");
  at::Tensor value = value_proj_->Forward(memory);
  if (padding_mask.defined()) value = value.masked_fill(padding_mask.unsqueeze(-1), 0);
  const at::Tensor sampled = ops::MsDeformAttnFused(
      value.view({batch, value.size(1), heads, -1}), spatial_shapes, level_start_index, reference,
      sampling_offsets_->Forward(query).view({batch, queries, heads, levels, points, 2}),
      attention_weights_->Forward(query).view({batch, queries, heads, levels * points}));
  return output_proj_->Forward(sampled);
}

}  // namespace grouppose
