#include "grouppose/nn/multihead_attention.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <c10/util/accumulate.h>

#include <memory>
#include <vector>

#include "base/check.h"
#include "ops/group_attention/group_attention.h"

namespace grouppose::nn {

MultiheadAttention::MultiheadAttention(const MultiheadAttentionOptions& options)
    : options_(options),
      in_proj_weight_(
          AddParameter("in_proj_weight", {3 * options.hidden_dim, options.hidden_dim}, Init::XavierUniform())),
      in_proj_bias_(AddParameter("in_proj_bias", {3 * options.hidden_dim}, Init::Zero())),
      out_proj_(Add("out_proj", std::make_unique<Linear>(options.hidden_dim, options.hidden_dim, Init::XavierUniform(),
                                                         Init::Zero()))) {
  GROUPPOSE_CHECK(options.num_heads > 0 && options.hidden_dim % options.num_heads == 0, "hidden size ",
                  options.hidden_dim, " does not divide into ", options.num_heads, " heads");
}

at::Tensor MultiheadAttention::SelfAttention(const at::Tensor& tokens, int64_t along) const {
  const int64_t hidden = options_.hidden_dim;
  GROUPPOSE_CHECK(tokens.size(-1) == hidden && along >= 0 && along < tokens.dim() - 1, "tokens ", tokens.sizes(),
                  " along ", along, ", hidden size ", hidden);
  // one product for queries, keys and values; all dimensions before and all behind as one: [before, length, behind,
  // ...]
  const at::IntArrayRef sizes = tokens.sizes();
  const int64_t before = c10::multiply_integers(sizes.slice(0, along)),
                behind = c10::multiply_integers(sizes.slice(along + 1, sizes.size() - along - 2));
  const at::Tensor projected =
      at::linear(tokens, in_proj_weight_, in_proj_bias_).reshape({before, sizes[along], behind, 3 * hidden});
  const bool drops_weights = training() && options_.dropout > 0;
  const at::Tensor attended = !drops_weights && ops::GroupAttentionFits(projected, options_.num_heads, 1)
                                  ? ops::GroupAttention(projected, options_.num_heads, 1)
                                  : AttendByTorch(projected);
  return out_proj_->Forward(attended.view(sizes));
}

at::Tensor MultiheadAttention::AttendByTorch(const at::Tensor& projected) const {
  const int64_t before = projected.size(0), length = projected.size(1), behind = projected.size(2),
                heads = options_.num_heads, channels = options_.hidden_dim / heads;
  // queries, keys and values, [before * behind, heads, length, channels]
  const std::vector<at::Tensor> qkv = projected.transpose(1, 2)
                                          .reshape({before * behind, length, 3, heads, channels})
                                          .permute({2, 0, 3, 1, 4})
                                          .unbind(0);
  const at::Tensor attended =
      at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, training() ? options_.dropout : 0);
  // back to the tokens' own layout, with at most one copy
  return attended.view({before, behind, heads, length, channels}).permute({0, 3, 1, 2, 4}).flatten(3).contiguous();
}

MultiheadAttention::Heads MultiheadAttention::Project(const at::Tensor& tokens) const {
  const int64_t hidden = options_.hidden_dim, heads = options_.num_heads;
  GROUPPOSE_CHECK(tokens.size(-1) == hidden, "tokens ", tokens.sizes(), ", hidden size ", hidden);
  const at::Tensor projected = at::linear(tokens, in_proj_weight_, in_proj_bias_);
  const auto part = [&](int64_t which) {
    return projected.narrow(-1, which * hidden, hidden).unflatten(-1, {heads, hidden / heads});
  };
  return {part(0), part(1), part(2)};
}

at::Tensor MultiheadAttention::Forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) const {
  const int64_t hidden = options_.hidden_dim, heads = options_.num_heads;
  const auto project = [&](const at::Tensor& x, int64_t part) {
    GROUPPOSE_CHECK(x.dim() == 3 && x.size(-1) == hidden, "expected [batch, tokens, ", hidden, "], got ", x.sizes());
    return at::linear(x, in_proj_weight_.narrow(0, part * hidden, hidden),
                      in_proj_bias_.narrow(0, part * hidden, hidden))
        .view({x.size(0), x.size(1), heads, hidden / heads})
        .transpose(1, 2);
  };
  const at::Tensor attended = at::scaled_dot_product_attention(project(query, 0), project(key, 1), project(value, 2),
                                                               {}, training() ? options_.dropout : 0);
  return out_proj_->Forward(attended.transpose(1, 2).reshape({query.size(0), query.size(1), hidden}));
}

}  // namespace grouppose::nn
