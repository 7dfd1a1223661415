#include "grouppose/attention/oracle.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "base/check.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::testing {
namespace {

using Rows = std::vector<std::vector<double>>;

Rows ToRows(const at::Tensor& matrix) {
  const at::Tensor m = matrix.detach().to(at::kDouble).contiguous();
  Rows rows(m.size(0), std::vector<double>(m.size(1)));
  for (int64_t i = 0; i < m.size(0); ++i) {
    for (int64_t j = 0; j < m.size(1); ++j) rows[i][j] = m.const_data_ptr<double>()[i * m.size(1) + j];
  }
  return rows;
}

at::Tensor FromRows(const Rows& rows) {
  at::Tensor m = at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())}, at::kDouble);
  double* out = m.mutable_data_ptr<double>();
  for (const std::vector<double>& row : rows) out = std::copy(row.begin(), row.end(), out);
  return m;
}

std::vector<double> ToRow(const at::Tensor& vector) { return ToRows(vector.unsqueeze(0))[0]; }

at::Tensor TensorOf(const AttentionScheme& scheme, const std::string& name) {
  for (const nn::NamedTensor& named : scheme.NamedTensors()) {
    if (named.name == name) return named.tensor;
  }
  GROUPPOSE_CHECK(false, "the scheme has no ", name);
  return {};
}

// W x + b for one row x.
std::vector<double> Affine(const Rows& weight, const std::vector<double>& bias, const std::vector<double>& x,
                           int64_t first_row, int64_t rows) {
  std::vector<double> y(rows);
  for (int64_t i = 0; i < rows; ++i) {
    y[i] = bias[first_row + i];
    for (size_t j = 0; j < x.size(); ++j) y[i] += weight[first_row + i][j] * x[j];
  }
  return y;
}

// softmax(q k^T / sqrt(channels)) v over the keys that the query may look at, head by head.
std::vector<double> Attend(const std::vector<double>& query, const Rows& keys, const Rows& values,
                           const std::vector<bool>& allowed) {
  const int64_t channels = kOracleHidden / kOracleHeads;
  std::vector<double> result(kOracleHidden, 0);
  for (int64_t head = 0; head < kOracleHeads; ++head) {
    double total = 0;
    std::vector<double> weights(keys.size(), 0);
    for (size_t key = 0; key < keys.size(); ++key) {
      if (!allowed[key]) continue;
      double score = 0;
      for (int64_t c = head * channels; c < (head + 1) * channels; ++c) score += query[c] * keys[key][c];
      weights[key] = std::exp(score / std::sqrt(static_cast<double>(channels)));
      total += weights[key];
    }
    for (size_t key = 0; key < keys.size(); ++key) {
      for (int64_t c = head * channels; c < (head + 1) * channels; ++c) {
        result[c] += weights[key] / total * values[key][c];
      }
    }
  }
  return result;
}

std::vector<double> Normalise(std::vector<double> x, const std::vector<double>& weight,
                              const std::vector<double>& bias) {
  double mean = 0, variance = 0;
  for (double v : x) mean += v / static_cast<double>(x.size());
  for (double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i];
  return x;
}

}  // namespace

std::unique_ptr<AttentionScheme> MakeFilledScheme(const std::string& name) {
  const auto factory = FindAttentionScheme(name);
  GROUPPOSE_CHECK(factory.ok(), factory.status().ToString());
  std::unique_ptr<AttentionScheme> scheme = (*factory)({kOracleHidden, kOracleHeads, 0});
  FillByRecipe(*scheme, 11);
  return scheme;
}

at::Tensor OracleTokens(int64_t batch, int64_t num_instances, int64_t num_types) {
  return RecipeTensor("tokens", {batch, num_instances, num_types, kOracleHidden}, 12);
}

at::Tensor OracleAttention(const AttentionScheme& scheme, const std::string& attention, const at::Tensor& tokens,
                           const MayLook& may_look) {
  const Rows in_weight = ToRows(TensorOf(scheme, attention + ".in_proj_weight"));
  const Rows out_weight = ToRows(TensorOf(scheme, attention + ".out_proj.weight"));
  const std::vector<double> in_bias = ToRow(TensorOf(scheme, attention + ".in_proj_bias"));
  const std::vector<double> out_bias = ToRow(TensorOf(scheme, attention + ".out_proj.bias"));
  const int64_t types = tokens.size(2), count = tokens.size(1) * types;

  std::vector<at::Tensor> images;
  for (int64_t image = 0; image < tokens.size(0); ++image) {
    Rows queries, keys, values, outputs;
    for (const std::vector<double>& row : ToRows(tokens[image].flatten(0, 1))) {
      queries.push_back(Affine(in_weight, in_bias, row, 0, kOracleHidden));
      keys.push_back(Affine(in_weight, in_bias, row, kOracleHidden, kOracleHidden));
      values.push_back(Affine(in_weight, in_bias, row, 2 * kOracleHidden, kOracleHidden));
    }
    for (int64_t i = 0; i < count; ++i) {
      std::vector<bool> allowed(count);
      for (int64_t j = 0; j < count; ++j) allowed[j] = may_look({i / types, i % types}, {j / types, j % types});
      outputs.push_back(Affine(out_weight, out_bias, Attend(queries[i], keys, values, allowed), 0, kOracleHidden));
    }
    images.push_back(FromRows(outputs).view(tokens[image].sizes()));
  }
  return at::stack(images);
}

at::Tensor OracleNorm(const AttentionScheme& scheme, const std::string& norm, const at::Tensor& tokens) {
  const std::vector<double> weight = ToRow(TensorOf(scheme, norm + ".weight"));
  const std::vector<double> bias = ToRow(TensorOf(scheme, norm + ".bias"));
  Rows rows = ToRows(tokens.flatten(0, 2));
  for (std::vector<double>& row : rows) row = Normalise(std::move(row), weight, bias);
  return FromRows(rows).view(tokens.sizes());
}

at::Tensor OracleSubLayer(const AttentionScheme& scheme, const std::string& attention, const std::string& norm,
                          const at::Tensor& tokens, const MayLook& may_look) {
  return OracleNorm(scheme, norm, tokens + OracleAttention(scheme, attention, tokens, may_look));
}

void ExpectGradientReaches(AttentionScheme& scheme, const MayLook& reached) {
  constexpr int64_t kInstances = 4, kTypes = 3;
  at::Tensor tokens = OracleTokens(1, kInstances, kTypes).clone();
  tokens.set_requires_grad(true);
  const at::Tensor probe = RecipeTensor("probe", {kOracleHidden}, 14);
  for (int64_t i = 0; i < kInstances * kTypes; ++i) {
    const Token output{i / kTypes, i % kTypes};
    tokens.mutable_grad() = at::Tensor();
    (scheme.Forward(tokens)[0][output.instance][output.type] * probe).sum().backward();
    for (int64_t j = 0; j < kInstances * kTypes; ++j) {
      const Token input{j / kTypes, j % kTypes};
      const bool arrives = tokens.grad()[0][input.instance][input.type].abs().max().item<float>() > 0;
      EXPECT_EQ(arrives, reached(output, input)) << "output (" << output.instance << ", " << output.type << "), input ("
                                                 << input.instance << ", " << input.type << ")";
    }
  }
}

void SetToZero(const AttentionScheme& scheme, const std::string& name) {
  const at::NoGradGuard no_grad;
  TensorOf(scheme, name).zero_();
}

void ExpectPairs(const AttentionScheme& scheme, const std::vector<MayLook>& masks) {
  constexpr int64_t kInstances = 5, kTypes = 4;
  int64_t pairs = 0;
  for (const MayLook& may_look : masks) {
    for (int64_t i = 0; i < kInstances * kTypes; ++i) {
      for (int64_t j = 0; j < kInstances * kTypes; ++j) {
        if (may_look({i / kTypes, i % kTypes}, {j / kTypes, j % kTypes})) ++pairs;
      }
    }
  }
  EXPECT_EQ(scheme.AttentionPairs(kInstances, kTypes - 1), pairs);
}

void ExpectInstancesPermute(AttentionScheme& scheme) {
  const at::NoGradGuard no_grad;
  constexpr int64_t kInstances = 5;
  const at::Tensor tokens = OracleTokens(2, kInstances, 4);
  // 0 2 4 1 3
  const at::Tensor order = at::arange(kInstances, at::kLong).mul(2).remainder(kInstances);
  EXPECT_TRUE(Near(scheme.Forward(tokens.index_select(1, order)), scheme.Forward(tokens).index_select(1, order), 2e-6));
}

void ExpectGradientsArrive(AttentionScheme& scheme) {
  at::Tensor tokens = OracleTokens(2, 3, 4).clone();
  tokens.set_requires_grad(true);
  (scheme.Forward(tokens) * RecipeTensor("probe", tokens.sizes(), 13)).sum().backward();
  std::vector<nn::NamedTensor> leaves = scheme.Parameters();
  leaves.push_back({"tokens", tokens, true, {}});
  for (const nn::NamedTensor& leaf : leaves) {
    ASSERT_TRUE(leaf.tensor.grad().defined()) << leaf.name;
    EXPECT_TRUE(leaf.tensor.grad().isfinite().all().item<bool>()) << leaf.name;
    EXPECT_GT(leaf.tensor.grad().abs().max().item<float>(), 0) << leaf.name;
  }
}

}  // namespace grouppose::testing
