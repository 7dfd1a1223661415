#include "grouppose/transformer/deformable_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/softmax.h>

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

at::Tensor DeformableAttention::SamplingLocations(const at::Tensor& query, const at::Tensor& reference_points,
                                                  const at::Tensor& spatial_shapes) const {
  const int64_t heads = options_.num_heads, levels = options_.num_levels, points = options_.num_points;
  const at::IntArrayRef query_sizes = query.sizes();
  at::Tensor reference = reference_points;
  if (reference.size(-1) > 4) {
    // [batch, instances, levels, 2T] -> [batch, instances * T, levels, 2]
    reference = reference.unflatten(-1, {-1, 2}).transpose(2, 3).flatten(1, 2);
  }
  GROUPPOSE_CHECK(reference.dim() == 4 && reference.size(1) == query_sizes[1] &&
                      (reference.size(2) == 1 || reference.size(2) == levels),
                  "reference points ", reference_points.sizes(), " for queries ", query_sizes, " and ", levels,
                  " levels");
  // [batch, queries, heads, levels, points, coordinates]
  reference = reference.unsqueeze(2).unsqueeze(4);
  const std::vector<int64_t> sizes = {query_sizes[0], query_sizes[1], heads, levels, points, 2};
  if (reference.size(-1) == 4) {
    const at::Tensor offsets = sampling_offsets_->Forward(query).view(sizes);
    return reference.narrow(-1, 0, 2) + offsets * (reference.narrow(-1, 2, 2) * (0.5 / static_cast<double>(points)));
  }
  GROUPPOSE_CHECK(reference.size(-1) == 2, "reference points ", reference_points.sizes(), " end in 2, 4 or 2T");
  // pixels -> shares of the level: the scale goes into the small weight instead of the large offsets
  const at::Tensor scale = spatial_shapes.flip(1)
                               .to(query.scalar_type())
                               .reciprocal()
                               .view({1, levels, 1, 2})
                               .expand({heads, levels, points, 2})
                               .flatten();
  const at::Tensor offsets =
      at::linear(query, sampling_offsets_->weight() * scale.unsqueeze(1), sampling_offsets_->bias() * scale);
  return offsets.view(sizes) + reference;
}

at::Tensor DeformableAttention::Forward(const at::Tensor& query, const at::Tensor& reference_points,
                                        const at::Tensor& memory, const at::Tensor& spatial_shapes,
                                        const at::Tensor& level_start_index, const at::Tensor& padding_mask) const {
  const int64_t heads = options_.num_heads, levels = options_.num_levels, points = options_.num_points;
  at::Tensor value = value_proj_->Forward(memory);
  if (padding_mask.defined()) value = value.masked_fill(padding_mask.unsqueeze(-1), 0);
  const at::Tensor weights =
      at::softmax(attention_weights_->Forward(query).view({query.size(0), query.size(1), heads, levels * points}), -1);
  const at::Tensor sampled =
      ops::MsDeformAttn(value.view({value.size(0), value.size(1), heads, -1}), spatial_shapes, level_start_index,
                        SamplingLocations(query, reference_points, spatial_shapes),
                        weights.view({query.size(0), query.size(1), heads, levels, points}));
  return output_proj_->Forward(sampled);
}

}  // namespace grouppose
