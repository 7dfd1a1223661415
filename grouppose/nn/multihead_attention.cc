#include "grouppose/nn/multihead_attention.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <memory>
#include <vector>

#include "base/check.h"

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
  const int64_t hidden = options_.hidden_dim, heads = options_.num_heads;
  GROUPPOSE_CHECK(tokens.size(-1) == hidden && along >= 0 && along < tokens.dim() - 1, "tokens ", tokens.sizes(),
                  " along ", along, ", hidden size ", hidden);
  // one product for queries, keys and values: [others..., length, 3, heads, channels]
  const at::Tensor projected = at::linear(tokens, in_proj_weight_, in_proj_bias_).movedim(along, -2);
  const int64_t length = projected.size(-2);
  const std::vector<at::Tensor> qkv =
      projected.reshape({-1, length, 3, heads, hidden / heads}).permute({2, 0, 3, 1, 4}).unbind(0);
  const at::Tensor attended =
      at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, training() ? options_.dropout : 0);
  // [others, heads, length, channels] -> the tokens' own shape, with at most one copy
  std::vector<int64_t> sizes(projected.sizes().begin(), projected.sizes().end() - 2);
  sizes.insert(sizes.end(), {heads, length, hidden / heads});
  return out_proj_->Forward(attended.view(sizes).movedim(-2, along).flatten(-2));
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
